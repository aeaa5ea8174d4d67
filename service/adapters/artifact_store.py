"""Where artifacts lie: the one place that chooses between the local disk and a bucket."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from service.adapters.local_artifacts import LocalArtifacts
from service.domain.errors import ArtifactsUnavailable
from service.domain.ports import ArtifactStore
from service.settings import Settings

_log = structlog.get_logger()

CACHE = "cache"
OUTDATED_SECONDS = 60.0  # that a copy of what was deleted elsewhere may stay
STOP_SECONDS = 5.0  # that who stops waits for a store that does not answer


def open_artifacts(settings: Settings, on_step: Callable[[], None] = lambda: None) -> ArtifactStore:
    """Open the artifact store that the settings name; nothing is read or written yet.

    Args:
        settings: Of this deployment.
        on_step: Called while large files are transferred.
    """
    local = LocalArtifacts(settings.data_dir)
    if settings.artifacts is None:
        return local
    from service.adapters.artifact_cache import ArtifactCache
    from service.adapters.s3_artifacts import S3Artifacts
    from service.adapters.s3_bucket import S3Bucket

    cache = ArtifactCache(settings.data_dir.resolve() / CACHE, settings.artifact_cache_bytes)
    return S3Artifacts(S3Bucket(settings), local, cache, on_step)


@contextmanager
def copies_kept_current(artifacts: ArtifactStore) -> Iterator[None]:
    """Meanwhile remove copies of what was deleted elsewhere."""
    over = threading.Event()

    def drop() -> None:
        while not over.is_set():
            try:
                artifacts.drop_outdated_copies()
            except (ArtifactsUnavailable, OSError) as error:
                _log.warning("copies not checked", reason=type(error).__name__)
            over.wait(OUTDATED_SECONDS)

    thread = threading.Thread(target=drop, name="copies", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(STOP_SECONDS)
