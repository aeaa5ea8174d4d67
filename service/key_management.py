"""API keys are made, rotated and revoked: nobody can give what they do not hold themselves."""

from dataclasses import dataclass
from datetime import timedelta

from service.domain import access
from service.domain.api_keys import ApiKey, digest_of, new_secret, shown_part
from service.domain.audit import AuditDraft
from service.domain.caller import Caller, Scope, sorted_scopes
from service.domain.identifiers import new_id
from service.domain.ports import Clock
from service.domain.record_ports import ApiKeys


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with its secret, which is kept nowhere.

    Attributes:
        key: What is kept of it.
        secret: The text that its holder shows.
    """

    key: ApiKey
    secret: str


@dataclass(frozen=True, slots=True)
class KeyManager:
    """The keys of a tenant, in the hands of one caller.

    Attributes:
        keys: All API keys.
        clock: The time.
        caller: Who manages the keys of their tenant.
        origin: The address that they call from.
    """

    keys: ApiKeys
    clock: Clock
    caller: Caller
    origin: str | None = None

    def create(
        self, name: str, scopes: tuple[Scope, ...], valid_for: timedelta | None = None
    ) -> IssuedKey:
        """Make a key for the caller's tenant.

        Args:
            name: For people.
            scopes: What it allows.
            valid_for: How long; None: until it is revoked. A key made with another key ends with
                that one at the latest.

        Raises:
            ScopeMissing: The caller lacks one of the scopes.
        """
        self._must_hold(scopes)
        secret, now = new_secret(), self.clock.now()
        ends = [now + valid_for] if valid_for else []
        if self.caller.id.startswith("key_") and self.caller.expires_at:
            ends.append(self.caller.expires_at)
        key = ApiKey(
            id=new_id("key"),
            name=name,
            tenant=self.caller.tenant,
            scopes=sorted_scopes(scopes),
            created_at=now,
            created_by=self.caller.id,
            shown=shown_part(secret),
            secret_sha256=digest_of(secret),
            expires_at=min(ends, default=None),
        )
        self.keys.add(key, self._entry("create_key", key.id))
        return IssuedKey(key, secret)

    def rotate(self, key_id: str, grace: timedelta) -> IssuedKey:
        """Give a key a new secret.

        Args:
            key_id: The key.
            grace: How long the present secret is accepted beside the new one.

        Raises:
            ApiKeyNotFound: The caller's tenant has no such key.
            ApiKeyEnded: It was revoked or has expired.
            ScopeMissing: The caller, who gets to see the secret, lacks one of its scopes.
        """
        secret, now = new_secret(), self.clock.now()

        def rotated(key: ApiKey) -> ApiKey:
            self._must_hold(key.scopes)
            return key.rotated(secret, now, grace)

        entry = self._entry("rotate_key", key_id)
        return IssuedKey(self.keys.change(self.caller.tenant, key_id, rotated, entry), secret)

    def revoke(self, key_id: str) -> ApiKey:
        """End a key now; one that ended stays as it is.

        Raises:
            ApiKeyNotFound: The caller's tenant has no such key.
        """
        now = self.clock.now()
        entry = self._entry("revoke_key", key_id)
        return self.keys.change(self.caller.tenant, key_id, lambda key: key.revoked(now), entry)

    def _entry(self, action: str, key_id: str) -> AuditDraft:
        """Say what is done to a key as the audit log does, by the API's own names."""
        return AuditDraft(self.caller.tenant, self.caller.id, action, key_id, origin=self.origin)

    def _must_hold(self, scopes: tuple[Scope, ...]) -> None:
        for scope in scopes:
            access.require(self.caller.scopes, scope)
