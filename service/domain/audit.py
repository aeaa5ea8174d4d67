"""The audit log: who did what to which record, from where, and how it ended; never content.

The entries of a tenant are a chain: each holds the digest of the one before it, so an entry that is
changed, left out or put in between no longer fits its neighbours. docs/audit.md says what a chain
shows and what it cannot show.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from service.domain.job import Job
from service.domain.ports import SigningKeys
from service.domain.records import PushedSet, SyntheticSet

HEAD_TYPE = "application/vnd.synthcxr.audit-head+json"
FORMAT = "synthcxr-audit/1"
GENESIS = "0" * 64  # the digest before the first entry
MOST_CHARACTERS_OF_OUTCOME = 64  # the column's
DONE = "done"
EXAMINE_SET = "examine_set"
PUSH_SET = "push_set"
FINISH_DELETION = "finish_deletion"
SET_POLICY = "set_policy"
ROTATE_SIGNING_KEYS = "rotate_signing_keys"


@dataclass(frozen=True, slots=True)
class AuditDraft:
    """What happened, before it has a place in the log.

    Attributes:
        tenant: In whose log it is written.
        actor: Who did it: a caller's id, or `worker HOST:PID`, `scheduler`, `operator`.
        action: The operation of the API as openapi.yaml names it, or a constant of this module.
        target: Identifier of the record, where there is one.
        outcome: `done`, the code of the error that refused it, the verdict on a set, or the system
            that it is about: `stored(NAME)`, `leads_to(HOST)`.
        origin: Address that the request came from.
    """

    tenant: str
    actor: str
    action: str
    target: str | None = None
    outcome: str = DONE
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The end of a tenant's chain.

    Attributes:
        tenant: Whose.
        sequence: Number of its last entry; 0 where there is none.
        digest: Of its last entry.
    """

    tenant: str
    sequence: int = 0
    digest: str = GENESIS


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry; the fields of `AuditDraft`, its place and its digests.

    Attributes:
        sequence: Position in the tenant's chain, from 1 without gaps.
        at: When it was written, UTC.
        previous: Digest of the entry before it.
        digest: sha256, in hex, of all other fields as canonical JSON: keys sorted, no spaces,
            ASCII, `at` as RFC 3339 in UTC to the microsecond.
    """

    sequence: int
    at: datetime
    tenant: str
    actor: str
    action: str
    target: str | None
    outcome: str
    origin: str | None
    previous: str
    digest: str = ""

    @classmethod
    def after(cls, head: AuditHead, draft: AuditDraft, at: datetime) -> "AuditEntry":
        """Return the entry that follows the end of a chain."""
        entry = cls(sequence=head.sequence + 1, at=at, previous=head.digest, **asdict(draft))
        return cls(**(asdict(entry) | {"digest": entry.computed_digest()}))

    @property
    def head(self) -> AuditHead:
        """The end of the chain where this is the last entry."""
        return AuditHead(self.tenant, self.sequence, self.digest)

    def computed_digest(self) -> str:
        """Return the digest that the entry's content asks for."""
        content = asdict(self) | {"at": timestamp(self.at)}
        del content["digest"]
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def timestamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the microsecond."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def leading_to(host: str) -> str:
    """Return what is recorded of a webhook that was made, as `outcome`.

    A host is cut off in front: its last part says whose it is.
    """
    room = MOST_CHARACTERS_OF_OUTCOME - len("leads_to()")
    return f"leads_to({host if len(host) <= room else '...' + host[3 - room :]})"


def signed_head(head: AuditHead, keys: SigningKeys, now: datetime) -> dict[str, Any]:
    """Sign the end of a chain, so that who keeps it elsewhere notices what is cut off or rewritten.

    Raises:
        SigningKeyLost: The key is gone.
    """
    return keys.envelope(HEAD_TYPE, asdict(head) | {"format": FORMAT, "at": timestamp(now)})


def verdict_on(made: SyntheticSet, job: Job) -> AuditDraft:
    """Return what is recorded of an examination, which a worker ends."""
    return AuditDraft(job.tenant, f"worker {job.worker}", EXAMINE_SET, made.id, str(made.verdict))


def push_of(made: PushedSet, job: Job) -> AuditDraft:
    """Return what is recorded of a set that a worker has sent to another system."""
    outcome = f"stored({made.server})"
    return AuditDraft(job.tenant, f"worker {job.worker}", PUSH_SET, made.synthetic_set_id, outcome)
