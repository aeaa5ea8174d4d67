"""Approvals: people who stand by a released set before it is handed out, where policy asks so.

They are entries of the audit log and lie nowhere else, so nobody can change one unnoticed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from service.domain import errors
from service.domain.audit import DONE, EXAMINE_SET
from service.domain.caller import PRIVATE_READ, RELEASE_APPROVE
from service.domain.record_ports import AuditLog
from service.domain.records import SyntheticSet

APPROVE_SET = "approve_synthetic_set"  # the operation, as openapi.yaml names it
MOST_REQUIRED = 2


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's approval.

    Attributes:
        by: The caller, as the audit log names them.
        at: When.
    """

    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Approvals:
    """The approvals of a set.

    Attributes:
        required: How many different people the operator asks for; 0 to 2.
        items: Those that there are, oldest first; each person once.
    """

    required: int
    items: tuple[Approval, ...] = ()

    @classmethod
    def of(cls, audit: AuditLog, tenant: str, made: SyntheticSet, required: int) -> "Approvals":
        """Read them out of the audit log; what is older than the set was about another one.

        Args:
            audit: The log, in which the set's examination is an entry as well.
            tenant: Whose set it is.
            made: The set.
            required: How many are asked for.
        """
        examined = max(
            (each.sequence for each in audit.of_action(tenant, EXAMINE_SET, made.id)), default=0
        )
        found: dict[str, Approval] = {}
        for entry in audit.of_action(tenant, APPROVE_SET, made.id):
            if entry.sequence > examined and entry.outcome == DONE:
                found.setdefault(entry.actor, Approval(entry.actor, entry.at))
        return cls(required, tuple(found.values()))

    @property
    def complete(self) -> bool:
        """Whether the set may be handed out, as far as approvals go."""
        return len(self.items) >= self.required

    def check_new(self, made: SyntheticSet, caller: str) -> None:
        """Raise AlreadyApproved where a caller has approved a set before."""
        if any(each.by == caller for each in self.items):
            raise errors.AlreadyApproved(
                f"{caller} has approved {made.id} already. Another person approves with a key or "
                "token of their own."
            )

    def check_complete(self, made: SyntheticSet) -> None:
        """Raise ApprovalMissing where a set may not be handed out yet."""
        if not self.complete:
            raise errors.ApprovalMissing(
                f"{made.id} has {len(self.items)} of the {self.required} approvals that the "
                "operator asks for (SYNTHCXR_REQUIRED_APPROVALS). Holders of the scope "
                f"{RELEASE_APPROVE} approve it: POST /synthetic-sets/{made.id}/approvals."
            )


def may_look_before(scopes: Collection[str]) -> bool:
    """Say whether a caller may see images of a set that nobody approved: who approves has to."""
    return PRIVATE_READ in scopes or RELEASE_APPROVE in scopes
