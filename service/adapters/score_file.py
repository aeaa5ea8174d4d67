"""The file that the scores of a job lie in."""

from pathlib import Path

from pydantic import TypeAdapter

from service.domain.errors import ScoresNotFound
from service.domain.ports import ArtifactStore
from service.domain.scores import SCORES, Scores, scores_folder

_SCORES = TypeAdapter(Scores)


def write_scores(folder: Path, scores: Scores) -> None:
    """Write scores into a folder that is staged."""
    (folder / SCORES).write_bytes(_SCORES.dump_json(scores))


def read_scores(artifacts: ArtifactStore, job_id: str) -> Scores:
    """Read the scores of a job.

    Raises:
        ScoresNotFound: They are gone.
    """
    path = artifacts.path(f"{scores_folder(job_id)}/{SCORES}")
    try:
        return _SCORES.validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ScoresNotFound.named(job_id) from None
