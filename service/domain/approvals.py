"""Approvals: people who stand by a released set before it is handed out, where policy asks so.

They are entries of the audit log and lie nowhere else, so nobody can change one unnoticed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from service.domain import errors
from service.domain.approvers import Approver, Approvers
from service.domain.audit import DONE, EXAMINE_SET, AuditEntry
from service.domain.caller import PRIVATE_READ, RELEASE_APPROVE
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
        items: Those that count, oldest first; each person once.
        people: The person of each, as far as the records show it.
    """

    required: int
    items: tuple[Approval, ...] = ()
    people: tuple[Approver, ...] = ()

    @classmethod
    def of(cls, approvers: Approvers, made: SyntheticSet, required: int) -> "Approvals":
        """Read them out of the audit log; what is older than the set was about another one.

        While a set waits for more of them, that of a key which was revoked does not count. Once
        enough were there together, the set is approved for good.

        Args:
            approvers: The callers of the set's tenant, and the log that names them, in which the
                set's examination is an entry as well.
            made: The set.
            required: How many are asked for.
        """
        audit, tenant = approvers.audit, approvers.tenant
        examined = max(
            (each.sequence for each in audit.of_action(tenant, EXAMINE_SET, made.id)), default=0
        )
        counted: list[tuple[AuditEntry, Approver]] = []
        for entry in audit.of_action(tenant, APPROVE_SET, made.id):
            if entry.sequence <= examined or entry.outcome != DONE:
                continue
            person = approvers.of(entry.actor)
            if len(counted) < required:
                counted = [each for each in counted if each[1].in_force(entry.sequence)]
            known = any(person.may_be(each) for _, each in counted)
            if person.in_force(entry.sequence) and not known:
                counted.append((entry, person))
        if len(counted) < required:
            counted = [each for each in counted if each[1].in_force()]
        items = tuple(Approval(entry.actor, entry.at) for entry, _ in counted)
        return cls(required, items, tuple(person for _, person in counted))

    @property
    def complete(self) -> bool:
        """Whether the set may be handed out, as far as approvals go."""
        return len(self.items) >= self.required

    def check_new(self, made: SyntheticSet, caller: Approver) -> None:
        """Raise AlreadyApproved where a caller may be a person who has approved a set before."""
        before = next((each.id for each in self.people if each.may_be(caller)), None)
        if before == caller.id:
            raise errors.AlreadyApproved(
                f"{caller.id} has approved {made.id} already. Another person approves with a key "
                "or token of their own."
            )
        if before:
            raise errors.AlreadyApproved(
                f"{before} has approved {made.id} already, and {caller.id} may be the same person: "
                "one made or rotated the key of the other, or both keys have one name. Another "
                "person approves with a token, or with a key under their own name that neither "
                "made the other."
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
