"""An identity provider (OpenID Connect) whose tokens are accepted, and what their claims allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.domain.caller import DEFAULT_TENANT, TENANT_PATTERN, Caller, Scope
from service.domain.errors import Unauthenticated

_MAX_SUBJECT = 255  # OpenID Connect Core 1.0, section 2


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """Whose tokens are accepted.

    Attributes:
        issuer: Its identifier, a URL: the claim `iss` of its tokens.
        audience: What its tokens for this service have as `aud`.
        scopes: What each value of the scope claim allows; all other values allow nothing.
        scope_claim: The claim that holds such values, as a list or separated by blanks; a name, or
            a path such as `realm_access.roles`.
        tenant_claim: The claim that names the caller's tenant; None: all are of the default one.
        jwks_url: Where its public keys are; None: where its discovery document says.
        algorithms: Signatures that are accepted, all asymmetric.
    """

    issuer: str
    audience: str
    scopes: Mapping[str, tuple[Scope, ...]]
    scope_claim: str = "scope"
    tenant_claim: str | None = None
    jwks_url: str | None = None
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256")

    def caller(self, claims: Mapping[str, Any], expires_at: datetime) -> Caller:
        """Return the caller that the claims of a checked token stand for.

        Raises:
            Unauthenticated: The subject or the tenant cannot be used as a name.
        """
        subject = claims["sub"]
        usable = subject.isascii() and subject.isprintable() and " " not in subject
        if not usable or not 0 < len(subject) <= _MAX_SUBJECT:
            raise Unauthenticated("The token's claim `sub` is not a name of 1 to 255 characters.")
        values = _values(_claim(claims, self.scope_claim))
        scopes = frozenset(scope for value in values for scope in self.scopes.get(value, ()))
        return Caller(f"{subject}@{self.issuer}", self._tenant(claims), scopes, expires_at)

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        if self.tenant_claim is None:
            return DEFAULT_TENANT
        tenant = _claim(claims, self.tenant_claim)
        if not isinstance(tenant, str) or not TENANT_PATTERN.fullmatch(tenant):
            raise Unauthenticated(
                f"The token's claim `{self.tenant_claim}` does not name a tenant: 1 to 64 letters, "
                "digits, dots, hyphens or underscores."
            )
        return tenant


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, which may itself hold dots, or by a path."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _values(claim: Any) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    if isinstance(claim, list):
        return [value for value in claim if isinstance(value, str)]
    return []
