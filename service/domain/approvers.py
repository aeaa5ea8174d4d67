"""Which callers may be one and the same person, as far as the records show it.

A key is no person. Whoever made a key, or rotated it, has seen its secret and can act by it; and
keys of one name are one person's. docs/console.md says what this cannot show.
"""

import unicodedata
from dataclasses import dataclass

from service.domain.audit import DONE
from service.domain.errors import ApiKeyNotFound
from service.domain.record_ports import ApiKeys, AuditLog

ROTATE_KEY = "rotate_key"  # the operations, as openapi.yaml names them
REVOKE_KEY = "revoke_key"
_KEY = "key_"


@dataclass(frozen=True, slots=True)
class Approver:
    """Who can act as a caller.

    Attributes:
        id: The caller, as the audit log names them.
        holders: The caller and all who have seen its secret, or that of a key that has.
        name: What its maker called the key, without case and blanks; None of what is no key.
        revoked: The entry of the audit log that revoked the key, by its sequence number; None of a
            key that was not revoked, and of what is no key.
    """

    id: str
    holders: frozenset[str]
    name: str | None = None
    revoked: int | None = None

    def in_force(self, sequence: int | None = None) -> bool:
        """Say whether the key was not revoked before an entry of the log, by default until now."""
        return self.revoked is None or (sequence is not None and sequence < self.revoked)

    def may_be(self, other: "Approver") -> bool:
        """Say whether one person can act as both."""
        same_name = self.name is not None and self.name == other.name
        return same_name or self.id in other.holders or other.id in self.holders


@dataclass(frozen=True, slots=True)
class Approvers:
    """The callers of a tenant.

    Attributes:
        tenant: Whose.
        keys: All API keys.
        audit: The log, which says who rotated a key, and when one was revoked.
    """

    tenant: str
    keys: ApiKeys
    audit: AuditLog

    def of(self, caller: str) -> Approver:
        """Return who can act as a caller, by its id."""
        holders: set[str] = set()
        found = [caller]
        while found:
            each = found.pop()
            if each not in holders:
                holders.add(each)
                found += self._who_saw(each)
        return Approver(caller, frozenset(holders), self._name(caller), self._revoked(caller))

    def _who_saw(self, caller: str) -> list[str]:
        if not caller.startswith(_KEY):
            return []
        rotations = self.audit.of_action(self.tenant, ROTATE_KEY, caller)
        rotated_by = [each.actor for each in rotations if each.outcome == DONE]
        try:
            return [self.keys.key(self.tenant, caller).created_by, *rotated_by]
        except ApiKeyNotFound:
            return rotated_by

    def _revoked(self, caller: str) -> int | None:
        if not caller.startswith(_KEY):
            return None
        entries = self.audit.of_action(self.tenant, REVOKE_KEY, caller)
        return min((each.sequence for each in entries if each.outcome == DONE), default=None)

    def _name(self, caller: str) -> str | None:
        if not caller.startswith(_KEY):
            return None
        try:
            return _plain(self.keys.key(self.tenant, caller).name)
        except ApiKeyNotFound:
            return None


def _plain(name: str) -> str:
    """Leave out what two spellings of one name may differ in: case, blanks, forms, marks unseen."""
    composed = unicodedata.normalize("NFKC", name).casefold()
    return " ".join("".join(c for c in composed if unicodedata.category(c) != "Cf").split())
