"""What the domain needs from outside besides records: artifacts, a queue, keys, a clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

EventDraft = tuple[str, Mapping[str, Any]]  # an EventKind and its data, not yet in the log


class Clock(Protocol):
    """The time."""

    def now(self) -> datetime:
        """Return the present moment, UTC and aware."""


class TaskQueue(Protocol):
    """Notifies workers that a job waits; losing or doubling a message is harmless."""

    def ring(self, queue: str, job_id: str) -> None:
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
        """Make it durable and visible at `ArtifactStore.upload_path`, or raise StorageFull."""

    def discard(self) -> None:
        """Remove it; nothing stays behind. Harmless after `commit`."""


class ArtifactStore(Protocol):
    """Folders and files that outlive a job: pixels, checkpoints, snapshots, sets."""

    def path(self, key: str) -> Path:
        """Return where a key lies, or would lie."""

    def staging(self, name: str) -> Path:
        """Return a fresh empty folder to write under, by convention named `<job>-<attempt>`."""

    def publish(self, staged: Path, key: str) -> None:
        """Make a staged file or folder durable, then visible in one step.

        Publishing again under the same key keeps what is there, so a re-run is harmless.

        Raises:
            StorageFull: The disk is full; nothing became visible.
        """

    def delete(self, key: str) -> None:
        """Remove what lies under a key, if anything does."""

    def free_bytes(self) -> int | None:
        """Return how much room is left; None where nothing bounds it."""

    def upload_path(self, job_id: str) -> Path:
        """Return where the uploaded archive of an ingest job lies."""

    def open_upload(self, job_id: str) -> UploadWriter:
        """Start to receive the archive of an ingest job."""

    def delete_upload(self, job_id: str) -> None:
        """Remove the archive of an ingest job, if there is one."""

    def discard_abandoned_uploads(self) -> int:
        """Remove archives that nobody receives any more; returns how many there were."""

    def stagings(self, job_id: str) -> list[Path]:
        """Return what attempts of a job left behind in staging."""

    def delete_staging(self, job_id: str) -> None:
        """Remove what attempts of a job left behind in staging."""

    def folders_of(self, record_id: str) -> set[str]:
        """Return the published folders, as `<kind>/<name>`, with an identifier in their names.

        The parts of a name are separated by hyphens.
        """
