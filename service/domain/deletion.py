"""A deletion: what goes, what stays and why, and the receipt for it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from service.domain.audit import AuditHead, timestamp

RecordKind = Literal["dataset", "model", "synthetic_set", "job"]
KeptKind = Literal[
    "model",
    "synthetic_set",
    "examinations",
    "privacy_account",
    "trained_patients",
    "patient_ledger",
    "audit_log",
]

RECEIPT_TYPE = "application/vnd.synthcxr.deletion+json"
RECEIPT_FORMAT = "synthcxr-deletion/1"
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Removed:
    """One record that goes, with its files.

    Attributes:
        kind: What it is.
        id: Its identifier.
        sha256: Of its stored outputs by name, as the record has them.
        keys: Where these lie in the artifact store.
        num_files: How many files went; None until they are counted.
        num_bytes: Their size; of a dataset rounded up to whole MiB, since the exact size would
            disclose how it was split.
    """

    kind: RecordKind
    id: str
    sha256: Mapping[str, str]
    keys: tuple[str, ...] = ()
    num_files: int | None = None
    num_bytes: int | None = None

    def counted(self, keys: tuple[str, ...], num_files: int, num_bytes: int) -> "Removed":
        """Return it with where its files lie and what they come to."""
        if self.kind == "dataset":
            num_bytes = -(-num_bytes // _MIB) * _MIB
        return Removed(self.kind, self.id, self.sha256, keys, num_files, num_bytes)


@dataclass(frozen=True, slots=True)
class Kept:
    """What stays, and why.

    Attributes:
        kind: What it is.
        id: The record it belongs to.
        why: In a sentence.
    """

    kind: KeptKind
    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Deletion:
    """One deletion, from the moment that its records are gone.

    Attributes:
        id: Such as `del_01kaj...`.
        kind: Of what was deleted, `dataset` or `model`.
        target: The record that was deleted.
        cascade: Whether what was made of it went too.
        created_at: When the records went, UTC.
        requested_by: The caller.
        audit: End of the tenant's audit log once this deletion was written there.
        removed: What goes.
        kept: What stays.
        finished_at: When the last file was gone, UTC; None while files may be left.
        receipt: The signed receipt, a DSSE envelope; None until then.
    """

    id: str
    kind: RecordKind
    target: str
    cascade: bool
    created_at: datetime
    requested_by: str
    audit: AuditHead
    removed: tuple[Removed, ...]
    kept: tuple[Kept, ...]
    finished_at: datetime | None = None
    receipt: Mapping[str, Any] | None = None

    @property
    def counted(self) -> bool:
        """Whether the files were counted, so that they may go."""
        return all(each.num_files is not None for each in self.removed)

    def statement(self, finished_at: datetime) -> dict[str, Any]:
        """Return what the receipt says."""
        return {
            "format": RECEIPT_FORMAT,
            "id": self.id,
            "deleted": {"kind": self.kind, "id": self.target},
            "cascade": self.cascade,
            "requested_at": timestamp(self.created_at),
            "requested_by": self.requested_by,
            "finished_at": timestamp(finished_at),
            "audit": asdict(self.audit),
            "removed": [_public(each) for each in self.removed],
            "kept": [asdict(each) for each in self.kept],
        }


def _public(removed: Removed) -> dict[str, Any]:
    fields = asdict(removed)
    del fields["keys"]
    return fields
