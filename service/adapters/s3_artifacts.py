"""Artifacts in a bucket of an S3 store, for API and workers on several machines.

What is being made lies on the local disk, as do copies of what is read: see artifact_cache.py.
How an artifact lies in the bucket, and when it is seen: s3_publications.py.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from typing_extensions import override

from service.adapters.artifact_cache import ArtifactCache
from service.adapters.local_artifacts import LocalArtifacts, LocalUpload, check_key
from service.adapters.s3_bucket import S3Bucket
from service.adapters.s3_checkpoints import S3Checkpoints
from service.adapters.s3_publications import MANIFEST, Manifest, S3Publications, StoredFile
from service.domain.errors import ArtifactMissing
from service.domain.ports import ArtifactStore, StoredSize, UploadWriter

_FILE = "file"  # what the copy of an artifact is called that is one file
_UPLOADS = "uploads"
_DEPTH = 2  # parts of a folder's key: `<kind>/<name>`


class S3Artifacts(ArtifactStore):
    """The artifact store in a bucket.

    Args:
        bucket: The bucket.
        local: Keeps what is being made or received.
        cache: Keeps copies.
        on_step: Called while files are transferred.
    """

    def __init__(
        self,
        bucket: S3Bucket,
        local: LocalArtifacts,
        cache: ArtifactCache,
        on_step: Callable[[], None],
    ) -> None:
        self._bucket = bucket
        self._local = local
        self._cache = cache
        self._publications = S3Publications(bucket, on_step)
        self._named: dict[str, _Named] = {}

    @override
    def check(self, *, writing: bool = False) -> None:
        self._bucket.check(writing=writing)

    @override
    def path(self, key: str) -> Path:
        """Return a local copy of what lies under a key, or a path where nothing lies."""
        found = self._find(key)
        if found is None:
            return self._cache.absent(key)
        holder, manifest, wanted = found
        folder = self._cache.hold(manifest.publication, holder)
        for file in wanted:
            self._copy(folder, holder, file)
        inner = key.removeprefix(holder).strip("/")
        is_file = [each.name for each in manifest.files] == [""]
        return folder / (_FILE if is_file else inner)

    def _copy(self, folder: Path, holder: str, file: StoredFile) -> None:
        def fetch(target: Path) -> None:
            self._publications.read_file(holder, file, target)

        self._cache.copy(folder, file.name or _FILE, file.num_bytes, fetch)

    @override
    def exists(self, key: str) -> bool:
        return self._find(key) is not None

    def _find(self, key: str) -> tuple[str, Manifest, list[StoredFile]] | None:
        """Return the artifact that a key is of, and which of its files lie under the key."""
        check_key(key)
        parts = PurePosixPath(key).parts
        for depth in range(len(parts), _DEPTH - 1, -1):
            holder = "/".join(parts[:depth])
            manifest = self._publications.manifest(holder)
            if manifest is None:
                continue
            inner = "/".join(parts[depth:])
            wanted = [each for each in manifest.files if _is_below(each.name, inner)]
            return (holder, manifest, wanted) if wanted else None
        return None

    @override
    def size(self, key: str) -> StoredSize:
        """Count the files of an artifact, and of others whose keys lie below its own."""
        holders = [
            each.path.removesuffix(f"/{MANIFEST}")
            for each in self._bucket.below(key)
            if each.path.endswith(f"/{MANIFEST}")
        ]
        found = map(self._readable, holders)
        files = [file for manifest in found if manifest for file in manifest.files]
        if not holders and (within := self._find(key)):
            files = within[2]
        return StoredSize(len(files), sum(each.num_bytes for each in files))

    @override
    def staging(self, name: str) -> Path:
        return self._local.staging(name)

    @override
    def delete_staging(self, name: str) -> None:
        self._local.delete_staging(name)

    @override
    def publish(self, staged: Path, key: str) -> None:
        check_key(key)
        files = {"": staged}
        if staged.is_dir():
            paths = (path for path in sorted(staged.rglob("*")) if path.is_file())
            files = {path.relative_to(staged).as_posix(): path for path in paths}
        written: list[StoredFile] = []
        try:
            for name, path in files.items():
                written.append(self._publications.write_file(key, name, path))
        except BaseException:
            self._publications.discard(key, {each.parts for each in written})
            raise
        manifest = Manifest.of(written)
        if self._publications.show(key, manifest):
            copies = {name or _FILE: path for name, path in files.items()}
            with suppress(OSError):  # without a copy it is read from the bucket
                self._cache.adopt(manifest.publication, key, copies)
        else:  # an earlier attempt published the same content
            self._publications.discard(key, manifest.parts)
            self._publications.refresh(key)  # so that it is not pruned before its commit
        self._local.discard(staged)

    @override
    def delete(self, key: str) -> None:
        """Remove all objects below a key, the manifests first: nobody meets half an artifact."""
        check_key(key)
        objects = [each.path for each in self._bucket.below(key)]
        manifests = [path for path in objects if path.endswith(f"/{MANIFEST}")]
        if not objects:
            self._delete_within(key)
        self._bucket.delete(manifests)
        self._bucket.delete(objects)
        for publication, holder in self._cache.publications().items():
            if holder == key or holder.startswith(f"{key}/"):
                self._cache.drop(publication)

    def _delete_within(self, key: str) -> None:
        """Remove some files of an artifact: what is left is another publication."""
        found = self._find(key)
        if found is None:
            return
        holder, manifest, doomed = found
        self._publications.replace(
            holder, Manifest.of([each for each in manifest.files if each not in doomed])
        )
        paths = [path for each in doomed for path in each.paths(holder)]
        self._bucket.delete(paths)
        self._cache.drop(manifest.publication)

    @override
    def open_checkpoints(self, job_id: str, attempt: str) -> S3Checkpoints:
        folder = self._local.staging(f"{attempt}-checkpoints")
        return S3Checkpoints(self._publications, f"checkpoints/{job_id}", folder)

    @override
    def free_bytes(self) -> int | None:
        """Return the room for copies and for what is being made; the bucket has no bound."""
        return self._local.free_bytes()

    @override
    def upload_path(self, job_id: str) -> Path:
        return self.path(_upload_key(job_id))

    @override
    def has_upload(self, job_id: str) -> bool:
        return self.exists(_upload_key(job_id))

    @override
    def open_upload(self, job_id: str) -> "S3Upload":
        received = self._local.open_upload(job_id)
        return S3Upload(received, lambda path: self.publish(path, _upload_key(job_id)))

    @override
    def delete_upload(self, job_id: str) -> None:
        self._local.delete_upload(job_id)
        self.delete(_upload_key(job_id))

    @override
    def uploads(self) -> Iterator[tuple[str, datetime]]:
        for key, changed_at in self._changes(_UPLOADS).items():
            yield PurePosixPath(key).stem, changed_at

    @override
    def size_of_work(self, job_id: str) -> StoredSize:
        return self._local.size_of_work(job_id) + self.size(_upload_key(job_id))

    @override
    def folders_of(self, record_id: str) -> set[str]:
        keys = self._changes("")
        return {key for key in keys if record_id in PurePosixPath(key).name.split("-")}

    @override
    def folders(self) -> Iterator[tuple[str, datetime]]:
        yield from self._changes("").items()

    def _changes(self, kind: str) -> dict[str, datetime]:
        """Return when each folder changed last; uploads are only among those of their kind."""
        found: dict[str, datetime] = {}
        for each in self._bucket.below(kind):
            parts = PurePosixPath(each.path).parts
            if len(parts) <= _DEPTH or (parts[0] == _UPLOADS) != (kind == _UPLOADS):
                continue
            key = "/".join(parts[:_DEPTH])
            found[key] = max(each.changed_at, found.get(key, each.changed_at))
        return found

    @override
    def discard_abandoned_uploads(self) -> int:
        return self._local.discard_abandoned_uploads()

    @override
    def discard_unfinished(self, before: datetime) -> int:
        """Remove staged folders, and parts in the bucket that no manifest came to name."""
        num_staged = self._local.discard_unfinished(before)
        old: dict[str, list[str]] = {}
        shown_at: dict[str, datetime] = {}
        for each in self._bucket.below(""):
            holder, _, name = each.path.rpartition("/")
            if name == MANIFEST:
                shown_at[holder] = each.changed_at
            elif name.startswith(".") and each.changed_at < before:
                old.setdefault(holder, []).append(each.path)
        self._named = {
            holder: self._parts_named(holder, shown_at[holder])
            for holder in old
            if holder in shown_at
        }
        doomed = [
            path
            for holder, paths in old.items()
            for path in paths
            if holder not in self._named or self._named[holder].leaves_out(path)
        ]
        self._bucket.delete(doomed)
        return num_staged + len(doomed)

    def _parts_named(self, holder: str, shown_at: datetime) -> "_Named":
        """Return what a manifest names; one that did not change is not read again."""
        known = self._named.get(holder)
        if known and known.shown_at == shown_at:
            return known
        manifest = self._readable(holder)
        return _Named(shown_at, manifest.parts if manifest else None)

    def _readable(self, holder: str) -> Manifest | None:
        """Return a manifest, or None where there is none, or one that was changed."""
        try:
            return self._publications.manifest(holder)
        except ArtifactMissing:
            return None

    @override
    def drop_outdated_copies(self) -> None:
        for publication, key in self._cache.publications().items():
            manifest = self._readable(key)
            if manifest is None or manifest.publication != publication:
                self._cache.drop(publication)


class S3Upload(UploadWriter):
    """An archive being received on the local disk, and published from there.

    Args:
        received: Takes it in.
        publish: Puts the received file into the bucket.
    """

    def __init__(self, received: LocalUpload, publish: Callable[[Path], None]) -> None:
        self._received = received
        self._publish = publish

    @override
    def write(self, chunk: bytes) -> None:
        self._received.write(chunk)

    @override
    def commit(self) -> None:
        self._publish(self._received.flushed())
        self._received.discard()

    @override
    def discard(self) -> None:
        self._received.discard()


@dataclass(frozen=True, slots=True)
class _Named:
    """The parts that a manifest names; None where it cannot be read, and nothing may be removed."""

    shown_at: datetime
    parts: set[str] | None

    def leaves_out(self, path: str) -> bool:
        parts = path.rpartition("/")[2].rpartition(".")[0]
        return self.parts is not None and parts not in self.parts


def _upload_key(job_id: str) -> str:
    return f"{_UPLOADS}/{job_id}.zip"


def _is_below(name: str, inner: str) -> bool:
    return not inner or name == inner or name.startswith(f"{inner}/")
