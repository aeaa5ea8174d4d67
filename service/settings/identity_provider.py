"""The identity provider (OpenID Connect) whose tokens are accepted beside API keys."""

from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, TypeAdapter, field_validator, model_validator
from pydantic_settings import NoDecode

from service.domain.caller import Scope
from service.domain.identity_provider import IdentityProvider
from service.settings.addresses import is_loopback

# public-key signatures alone: a token is never checked with a secret that its reader holds too
Asymmetric = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
_SCOPES_BY_VALUE = TypeAdapter(dict[str, tuple[Scope, ...]])


class IdentityProviderSettings(BaseModel):
    """Whose tokens are accepted, and what they allow.

    Attributes:
        oidc_issuer: The identity provider (OpenID Connect) whose tokens are accepted beside API
            keys: its https URL, as its tokens name it. The settings below matter with it alone.
        oidc_audience: What its tokens for this service have as `aud`.
        oidc_scopes: JSON that maps values of the scope claim to scopes, such as
            {"cxr-research": ["train", "generate"]}.
        oidc_scope_claim: The claim that holds such values; a path such as `realm_access.roles`
            finds one in another.
        oidc_tenant_claim: The claim that names the tenant; by default all are of one.
        oidc_jwks_url: Where its public keys are; by default where its discovery document says.
        oidc_algorithms: Signatures that are accepted, separated by commas.
    """

    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_scopes: Annotated[tuple[tuple[str, tuple[Scope, ...]], ...], NoDecode] = ()
    oidc_scope_claim: str = "scope"
    oidc_tenant_claim: str | None = None
    oidc_jwks_url: str | None = None
    oidc_algorithms: Annotated[tuple[Asymmetric, ...], NoDecode] = ("RS256", "PS256", "ES256")

    @field_validator("oidc_algorithms", mode="before")
    @classmethod
    def _split_algorithms(cls, value: Any) -> Any:
        return [name for name in value.split(",") if name] if isinstance(value, str) else value

    @field_validator("oidc_scopes", mode="before")
    @classmethod
    def _read_oidc_scopes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(_SCOPES_BY_VALUE.validate_json(value or "{}").items())

    @field_validator("oidc_issuer", "oidc_audience", "oidc_tenant_claim", "oidc_jwks_url")
    @classmethod
    def _empty_claim_is_none(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _must_be_https(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        on_this_machine = url.scheme == "http" and is_loopback(url.hostname or "")
        if not url.hostname or not (url.scheme == "https" or on_this_machine):
            raise ValueError("Write an https URL: over plain HTTP anybody could forge the keys.")
        return value

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        if self.oidc_issuer and not (self.oidc_audience and self.oidc_scopes):
            raise ValueError(
                "SYNTHCXR_OIDC_ISSUER needs SYNTHCXR_OIDC_AUDIENCE, or tokens for other services "
                "would be accepted, and SYNTHCXR_OIDC_SCOPES, or none would allow anything."
            )
        return self

    @property
    def identity_provider(self) -> IdentityProvider | None:
        """Return whose tokens are accepted, if any."""
        if self.oidc_issuer is None or self.oidc_audience is None:
            return None
        return IdentityProvider(
            issuer=self.oidc_issuer,
            audience=self.oidc_audience,
            scopes=dict(self.oidc_scopes),
            scope_claim=self.oidc_scope_claim,
            tenant_claim=self.oidc_tenant_claim,
            jwks_url=self.oidc_jwks_url,
            algorithms=self.oidc_algorithms,
        )
