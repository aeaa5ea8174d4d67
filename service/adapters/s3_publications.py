"""How an artifact lies in a bucket: its files in parts, and a manifest that makes them visible.

Below the artifact's key:

    .manifest                   names the files, with size, checksum and the name of their parts
    .<random name>.000000, ...  the parts of one file, each at most 32 MiB

The manifest is written last, in one request: a reader finds none, or a whole artifact. Parts are
objects of their own rather than of an S3 multipart upload, since an unfinished one of those cannot
be listed or removed by obstore; unfinished parts can (decision 22).
"""

import hashlib
import json
import re
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path

from service.adapters.s3_bucket import S3Bucket
from service.domain.errors import ArtifactMissing

MANIFEST = ".manifest"
FORMAT = 1
_NAME = re.compile(r"[0-9a-f]{32}\Z")
PART_BYTES = 32 * 2**20
_AT_ONCE = 4  # parts in transfer, and so in memory, of one file


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of an artifact.

    Attributes:
        name: Below the artifact's key; "" where the artifact is this one file.
        num_bytes: Its size.
        sha256: Of its content, in hex.
        parts: What the names of its parts begin with.
    """

    name: str
    num_bytes: int
    sha256: str
    parts: str

    @property
    def is_inside(self) -> bool:
        """Whether name and parts lead to places below the artifact's key."""
        steps = self.name.split("/")
        return not self.name.startswith("/") and ".." not in steps and "/" not in self.parts

    def paths(self, key: str) -> list[str]:
        """Return where its parts lie, in order."""
        number = -(-self.num_bytes // PART_BYTES)
        return [f"{key}/{self.parts}.{index:06}" for index in range(number)]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact consists of.

    Attributes:
        publication: A random name of this publication; another one of the same key has another.
        files: Its files.
    """

    publication: str
    files: tuple[StoredFile, ...]

    @classmethod
    def of(cls, files: Sequence[StoredFile]) -> "Manifest":
        """Make a new publication of files."""
        return cls(secrets.token_hex(16), tuple(files))

    def to_bytes(self) -> bytes:
        """Write it."""
        content = {"format": FORMAT, "publication": self.publication}
        return json.dumps({**content, "files": [asdict(each) for each in self.files]}).encode()

    @classmethod
    def of_bytes(cls, content: bytes) -> "Manifest":
        """Read what `to_bytes` wrote.

        Raises:
            ArtifactMissing: It was changed.
        """
        damaged = ArtifactMissing(
            "The manifest of an artifact in the object store cannot be read: it was changed."
        )
        try:
            fields = json.loads(content)
            files = tuple(StoredFile(**each) for each in fields["files"])
            found = cls(fields["publication"], files)
        except (ValueError, KeyError, TypeError) as error:
            raise damaged from error
        if not (_NAME.match(found.publication) and all(each.is_inside for each in files)):
            raise damaged
        return found

    @property
    def parts(self) -> set[str]:
        """What the names of its parts begin with."""
        return {each.parts for each in self.files}


class S3Publications:
    """Reads and writes the artifacts of a bucket.

    Args:
        bucket: The bucket.
        on_step: Called between parts, so that whoever watches sees that the work gets on.
    """

    def __init__(self, bucket: S3Bucket, on_step: Callable[[], None]) -> None:
        self._bucket = bucket
        self._on_step = on_step

    def manifest(self, key: str) -> Manifest | None:
        """Return what lies under exactly this key, if something is published there."""
        content = self._bucket.read(f"{key}/{MANIFEST}")
        return Manifest.of_bytes(content) if content is not None else None

    def write_file(self, key: str, name: str, source: Path) -> StoredFile:
        """Write the parts of a file; they are seen once a manifest names them.

        Raises:
            ArtifactsUnavailable: They could not all be written; none is left if that can be helped.
        """
        digest, num_bytes = hashlib.sha256(), 0
        parts = f".{secrets.token_hex(16)}"
        pending: deque[Future[None]] = deque()
        try:
            with source.open("rb") as file, ThreadPoolExecutor(_AT_ONCE) as pool:
                for index, part in enumerate(_parts_of(file)):
                    digest.update(part)
                    num_bytes += len(part)
                    path = f"{key}/{parts}.{index:06}"
                    pending.append(pool.submit(self._bucket.write, path, part))
                    self._settle(pending, _AT_ONCE - 1)
                self._settle(pending, 0)
        except BaseException:
            self.discard(key, {parts})
            raise
        return StoredFile(name, num_bytes, digest.hexdigest(), parts)

    def read_file(self, key: str, stored: StoredFile, target: Path) -> None:
        """Write a file of an artifact to disk, once its content is what was published.

        Raises:
            ArtifactMissing: A part is gone or was changed.
            ArtifactsUnavailable: The store cannot be used.
            OSError: The disk is full.
        """
        digest = hashlib.sha256()
        with target.open("xb") as file:
            for part in self._read_ahead(stored.paths(key)):
                if part is None:
                    break
                digest.update(part)
                file.write(part)
        if digest.hexdigest() != stored.sha256:
            target.unlink()
            raise ArtifactMissing(
                "An artifact in the object store is incomplete or was changed: its checksum is "
                f"not the published one. Looked for {key!r}."
            )

    def show(self, key: str, manifest: Manifest) -> bool:
        """Make written files visible; return False where something is published there already."""
        return self._bucket.create(f"{key}/{MANIFEST}", manifest.to_bytes())

    def replace(self, key: str, manifest: Manifest) -> None:
        """Make written files visible in place of what was there."""
        self._bucket.write(f"{key}/{MANIFEST}", manifest.to_bytes())

    def refresh(self, key: str) -> None:
        """Write a word beside what is published, which so has changed just now.

        The word is removed as unfinished work is.
        """
        self._bucket.write(f"{key}/.{secrets.token_hex(16)}.refreshed", b"")

    def discard(self, key: str, parts: set[str]) -> None:
        """Remove files that no manifest names; what cannot be removed now is found later."""
        if parts:
            with suppress(Exception):
                doomed = [
                    each.path
                    for each in self._bucket.below(key)
                    if each.path.rpartition("/")[2].rpartition(".")[0] in parts
                ]
                self._bucket.delete(doomed)

    def _settle(self, pending: deque[Future[None]], at_most: int) -> None:
        while len(pending) > at_most:
            pending.popleft().result()
            self._on_step()

    def _read_ahead(self, paths: Sequence[str]) -> Iterator[bytes | None]:
        pending: deque[Future[bytes | None]] = deque()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for path in paths:
                pending.append(pool.submit(self._bucket.read, path))
                if len(pending) == _AT_ONCE:
                    yield pending.popleft().result()
                    self._on_step()
            while pending:
                yield pending.popleft().result()
                self._on_step()


def _parts_of(file: BufferedReader) -> Iterator[bytes]:
    while part := file.read(PART_BYTES):
        yield part
