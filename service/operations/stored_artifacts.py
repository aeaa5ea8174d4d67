"""Which artifacts that the database names are in the store."""

from collections.abc import Iterable

from service.adapters.artifact_store import open_artifacts
from service.settings import Settings

CHECKPOINTS = "checkpoints/"  # replaced while a training runs, and not there before its first


def missing_artifacts(settings: Settings, named: Iterable[str]) -> list[str]:
    """Return the artifacts that are not there, of those that have to be.

    Raises:
        ArtifactsUnavailable: The object store cannot be reached.
    """
    artifacts = open_artifacts(settings)
    artifacts.check()
    needed = (each for each in sorted(named) if not each.startswith(CHECKPOINTS))
    return [each for each in needed if not artifacts.exists(each)]
