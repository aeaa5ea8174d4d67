"""What the domain needs from outside besides records: artifacts, a queue, keys, a clock."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the present moment, UTC and aware."""


class TaskQueue(Protocol):
    """Notifies workers that a job waits; losing or doubling a message is harmless."""

    def notify(self, queue: str, job_id: str) -> None:
        """Notify the workers of a queue; a broker that is down is no error."""

    def reachable(self) -> bool:
        """Say whether the broker answers."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a set's signature is checked with.

    Attributes:
        id: sha256 of the key (DER, SubjectPublicKeyInfo), in hex.
        pem: The key.
        is_current: Whether new sets are signed with it.
    """

    id: str
    pem: str
    is_current: bool


class SigningKeys(Protocol):
    """The keys that sets are signed with."""

    def public_keys(self) -> list[PublicKey]:
        """Return all public keys, the current one first; makes the first one if there is none."""

    def envelope(self, payload_type: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Sign content with the current key; returns a DSSE envelope.

        Raises:
            SigningKeyLost: The key is gone.
        """


class UploadWriter(Protocol):
    """A file that is being received; it becomes visible only by `commit`."""

    def write(self, chunk: bytes) -> None:
        """Append to it, or raise StorageFull."""

    def commit(self) -> None:
        """Make it durable and visible at `ArtifactStore.upload_path`.

        Raises:
            StorageFull, ArtifactsUnavailable: It cannot be kept; nothing became visible.
        """

    def discard(self) -> None:
        """Remove it; nothing stays behind. Harmless after `commit`."""


class CheckpointFolder(Protocol):
    """Where an attempt keeps what the next one goes on from."""

    @property
    def path(self) -> Path:
        """A folder on this machine; it has what earlier attempts kept."""

    def keep(self) -> None:
        """Let a later attempt on any machine find the files that the folder has now.

        Files are written beside their name, ending in `.tmp` or `.part`, and renamed; they do not
        change after that.

        Raises:
            ArtifactsUnavailable: They are not kept; what was kept before stands.
        """


@dataclass(frozen=True, slots=True)
class StoredSize:
    """What lies in a place: so many files of so many bytes."""

    num_files: int
    num_bytes: int

    def __add__(self, other: "StoredSize") -> "StoredSize":
        """Take two places together."""
        return StoredSize(self.num_files + other.num_files, self.num_bytes + other.num_bytes)


class ArtifactStore(Protocol):
    """Folders and files that outlive a job: pixels, checkpoints, snapshots, sets.

    A key is a path such as `models/<name>/samples.png`; its first two parts are a folder. What is
    published never changes, so a copy is as good. Any method may raise ArtifactsUnavailable.
    """

    def check(self, *, writing: bool = False) -> None:
        """Find out at once whether the store can be used.

        Args:
            writing: Try to write as well.

        Raises:
            ArtifactsUnavailable: It cannot.
        """

    def path(self, key: str) -> Path:
        """Return where a file or folder can be read on this machine.

        Nothing lies there when nothing is published under the key.

        Raises:
            ArtifactMissing: What is there was changed, or part of it is gone.
            StorageFull: There is no room for a copy.
        """

    def exists(self, key: str) -> bool:
        """Say whether something lies under a key."""

    def size(self, key: str) -> StoredSize:
        """Count what lies under a key."""

    def staging(self, name: str) -> Path:
        """Return a fresh empty folder to write under, by convention named `<job>-<attempt>`."""

    def delete_staging(self, name: str) -> None:
        """Remove what was staged under a name, or under one that begins with it and a hyphen."""

    def publish(self, staged: Path, key: str) -> None:
        """Make a staged file or folder durable, then visible in one step.

        Publishing again under the same key keeps what is there, so a re-run is harmless.

        Raises:
            StorageFull: The disk is full; nothing became visible.
        """

    def delete(self, key: str) -> None:
        """Remove what lies under a key, if anything does."""

    def open_checkpoints(self, job_id: str, attempt: str) -> CheckpointFolder:
        """Open the checkpoints of a job, which lie under the key `checkpoints/<job>`.

        Args:
            job_id: The job.
            attempt: Name of the attempt, as what it stages is called.
        """

    def free_bytes(self) -> int | None:
        """Return how much room is left; None where nothing bounds it."""

    def upload_path(self, job_id: str) -> Path:
        """Return where the uploaded archive of an ingest job can be read on this machine."""

    def has_upload(self, job_id: str) -> bool:
        """Say whether there is an uploaded archive of an ingest job."""

    def open_upload(self, job_id: str) -> UploadWriter:
        """Start to receive the archive of an ingest job."""

    def delete_upload(self, job_id: str) -> None:
        """Remove the archive of an ingest job, if there is one."""

    def size_of_work(self, job_id: str) -> StoredSize:
        """Count the upload of a job and what its attempts staged here."""

    def folders_of(self, record_id: str) -> set[str]:
        """Return the published folders, as `<kind>/<name>`, with an identifier in their names.

        The parts of a name are separated by hyphens.
        """

    def folders(self) -> Iterator[tuple[str, datetime]]:
        """Yield all folders, and when something in them changed last."""

    def uploads(self) -> Iterator[tuple[str, datetime]]:
        """Yield the jobs that there are uploads of, and when these were received."""

    def discard_abandoned_uploads(self) -> int:
        """Remove archives that nobody receives any more; returns how many there were."""

    def discard_unfinished(self, before: datetime) -> int:
        """Remove what was last written before a moment and not published; returns how much."""

    def drop_outdated_copies(self) -> None:
        """Remove local copies of what was deleted meanwhile, on whatever machine."""
