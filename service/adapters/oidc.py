"""Tokens of an identity provider (OpenID Connect): checked with its public keys."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import structlog
from joserfc import errors as jose
from joserfc import jwt
from joserfc.jwk import GuestProtocol, Key, KeySet, import_key

from service.domain.caller import Caller
from service.domain.errors import IdentityProviderUnavailable, Unauthenticated
from service.domain.identity_provider import IdentityProvider
from service.domain.ports import Clock

_log = structlog.get_logger()

LEEWAY_SECONDS = 30
REFRESH_SECONDS = 3600.0  # keys are read again after this time at the latest
MAX_AGE_SECONDS = 24 * 3600.0  # keys that could not be read again for so long are not trusted
PAUSE_SECONDS = 30.0  # and at most this often, however many tokens name unknown keys
_TIMEOUT_SECONDS = 5.0
_MAX_TOKEN_CHARACTERS = 16 * 1024
_MAX_DOCUMENT_BYTES = 2**20
_LONGEST = timedelta(days=1)  # what a caller is remembered for; longer tokens are checked again

# public keys alone: an `oct` key would let whoever knows a public one sign
_PUBLIC_KEY_TYPES = {"RSA", "EC", "OKP"}
_CLAIMS = {"iss", "aud", "exp", "nbf", "iat", "sub"}
# what joserfc, json and cryptography raise for what is not a token
_MALFORMED = (jose.JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class OidcTokens:
    """Tokens of one identity provider.

    Args:
        provider: Whose tokens, and what they allow.
        clock: The time, by which tokens expire.
        seconds: Monotonic seconds, by which its keys grow old.
    """

    def __init__(
        self,
        provider: IdentityProvider,
        clock: Clock,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._keys = PublicKeys(provider, seconds)

    def caller(self, token: str) -> Caller:
        """Return the caller that a token stands for.

        Raises:
            Unauthenticated: It is forged, foreign, malformed or not valid now.
            IdentityProviderUnavailable: The issuer's keys cannot be read.
        """
        if len(token) > _MAX_TOKEN_CHARACTERS:
            raise _refused("it is too long")
        try:
            claims = jwt.decode(token, self._key, list(self._provider.algorithms)).claims
            self._expected().validate(claims)
        except _MALFORMED as error:
            raise _refused(_reason(error)) from error
        now = self._clock.now()
        latest = now + _LONGEST
        expires_at = min(float(claims["exp"]), latest.timestamp())
        return self._provider.caller(claims, datetime.fromtimestamp(expires_at, UTC))

    def _key(self, token: GuestProtocol) -> KeySet:
        return self._keys.having(token.headers().get("kid"))

    def _expected(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._provider.issuer},
            aud={"essential": True, "value": self._provider.audience},
            exp={"essential": True},
            sub={"essential": True},
        )


class PublicKeys:
    """The public keys of an identity provider, read over HTTPS and kept for a while.

    Args:
        provider: Whose keys.
        seconds: Monotonic seconds.
    """

    def __init__(self, provider: IdentityProvider, seconds: Callable[[], float]) -> None:
        self._provider = provider
        self._seconds = seconds
        self._keys: KeySet | None = None
        self._read_at = self._tried_at = float("-inf")
        self._lock = threading.Lock()

    def having(self, key_id: Any) -> KeySet:
        """Return the keys, read again where none has this id; without an id, the only key.

        Raises:
            IdentityProviderUnavailable: They were not read for a day, or never, and cannot be.
            Unauthenticated: There are several, and the token does not say which.
        """
        is_fresh = self._seconds() - self._read_at < REFRESH_SECONDS
        if not is_fresh or not self._has(key_id):
            self._refresh()
        if self._keys is None or self._seconds() - self._read_at > MAX_AGE_SECONDS:
            raise IdentityProviderUnavailable(
                "The public keys of the identity provider cannot be read, so no token can be "
                "checked. Try again later; the service's log says what went wrong."
            )
        if key_id is None and len(self._keys.keys) != 1:
            raise _refused("it does not name its key (`kid`)")
        return self._keys

    def _has(self, key_id: Any) -> bool:
        if self._keys is None:
            return False
        return key_id is None or any(key.kid == key_id for key in self._keys.keys)

    def _refresh(self) -> None:
        """Read the keys, unless that was just tried; only the first time do others wait for it."""
        if not self._lock.acquire(blocking=self._keys is None):
            return
        try:
            if self._seconds() - self._tried_at < PAUSE_SECONDS:
                return
            self._tried_at = self._seconds()
            self._keys = _public(_read(self._jwks_url()))
            self._read_at = self._seconds()
        except (httpx.HTTPError, httpx.InvalidURL, *_MALFORMED) as error:
            _log.warning("identity provider unavailable", cause=type(error).__name__)
        finally:
            self._lock.release()

    def _jwks_url(self) -> str:
        if self._provider.jwks_url:
            return self._provider.jwks_url
        issuer = self._provider.issuer
        found = _read(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found["issuer"] != issuer:
            raise ValueError("the discovery document is of another issuer")
        url = str(found["jwks_uri"])
        if httpx.URL(url).scheme != httpx.URL(issuer).scheme:
            raise ValueError("the keys are not offered over HTTPS")
        return url


def _read(url: str) -> dict[str, Any]:
    """Read a JSON document of bounded size; a redirect is not followed."""
    with httpx.stream("GET", url, timeout=_TIMEOUT_SECONDS, follow_redirects=False) as answer:
        answer.raise_for_status()
        content = bytearray()
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > _MAX_DOCUMENT_BYTES:
                raise ValueError("the document is too large")
    found = json.loads(content)
    if not isinstance(found, dict):
        raise TypeError("the document is no JSON object")
    return found


def _public(document: dict[str, Any]) -> KeySet:
    """Take the public signing keys of a JWK set (RFC 7517); what is not understood is left out."""
    keys: list[Key] = []
    for entry in document["keys"]:
        if entry.get("kty") in _PUBLIC_KEY_TYPES and entry.get("use", "sig") == "sig":
            try:
                keys.append(import_key(entry))
            except _MALFORMED:
                continue
    if not keys:
        raise ValueError("the document holds no public key")
    return KeySet(keys)


def _refused(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The token is not accepted: {reason}. Sign in again for a new one.")


def _reason(error: Exception) -> str:
    """Say what is wrong in words of ours: nothing of the token is repeated."""
    match error:
        case jose.ExpiredTokenError():
            return "it has expired"
        case jose.MissingClaimError():
            return "it lacks one of `iss`, `aud`, `exp` and `sub`"
        case jose.ClaimError(claim="iss" | "aud" | "exp" | "nbf" | "iat" | "sub" as claim):
            return f"its claim `{claim}` is not as expected"
        case jose.BadSignatureError():
            return "its signature is wrong"
        case jose.InvalidKeyIdError():
            return "its issuer has no such key"
        case _:
            return "it is malformed, or its algorithm is not one that is accepted"
