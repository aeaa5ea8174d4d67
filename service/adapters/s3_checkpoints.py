"""Checkpoints of a job in a bucket: a working copy on this machine, kept by a manifest."""

from pathlib import Path

from typing_extensions import override

from service.adapters.s3_publications import Manifest, S3Publications, StoredFile
from service.domain.errors import ArtifactMissing
from service.domain.ports import CheckpointFolder

_UNFINISHED = {".tmp", ".part"}


class S3Checkpoints(CheckpointFolder):
    """The checkpoints of one attempt; they begin as what earlier ones kept.

    A file that was kept is not written again: only under another name. The manifest is replaced in
    one step, so that the next attempt finds the files of one moment.

    Args:
        publications: Of the bucket.
        key: Of the job's checkpoints.
        folder: An empty folder of this attempt alone.
    """

    def __init__(self, publications: S3Publications, key: str, folder: Path) -> None:
        self._publications = publications
        self._key = key
        self._folder = folder
        self._kept: dict[str, StoredFile] = {}
        manifest = publications.manifest(key)
        for stored in manifest.files if manifest else ():
            self._fetch(stored)

    def _fetch(self, stored: StoredFile) -> None:
        target = self._folder / stored.name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._publications.read_file(self._key, stored, target)
        except ArtifactMissing:  # of an attempt that was taken over: the others serve
            return
        self._kept[stored.name] = stored

    @property
    @override
    def path(self) -> Path:
        return self._folder

    @override
    def keep(self) -> None:
        paths = (path for path in sorted(self._folder.rglob("*")) if _is_whole(path))
        files = {path.relative_to(self._folder).as_posix(): path for path in paths}
        new = {name: path for name, path in files.items() if name not in self._kept}
        if not new:
            return
        written = {
            name: self._publications.write_file(self._key, name, path) for name, path in new.items()
        }
        before = self._kept
        kept = {name: written.get(name) or before[name] for name in files}
        self._publications.replace(self._key, Manifest.of(list(kept.values())))
        self._kept = kept
        outdated = {before[name].parts for name in before.keys() - files.keys()}
        self._publications.discard(self._key, outdated)


def _is_whole(path: Path) -> bool:
    return path.is_file() and path.suffix not in _UNFINISHED and not path.name.startswith(".")
