"""API keys: the text that a client shows, and what is kept of it.

A key reads `synthcxr_` + 52 characters + 7 characters: a prefix by which a leaked one is found,
256 random bits, and their checksum (CRC-32), by which a mistyped or cut one is noticed without
asking the database. Only its sha256 is stored, which is enough for so many random bits.
"""

import hashlib
import hmac
import secrets
import zlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from service.domain.caller import Caller, Scope
from service.domain.errors import ApiKeyEnded
from service.domain.identifiers import base32

PREFIX = "synthcxr_"
_NUM_RANDOM = 52  # characters of 5 bits that hold 256 bits
_NUM_CHECKSUM = 7  # that hold 32
NUM_CHARACTERS = len(PREFIX) + _NUM_RANDOM + _NUM_CHECKSUM
_NUM_SHOWN = 6  # of the random characters, by which a person recognises a key

LAST_USE_RESOLUTION = timedelta(minutes=1)


def new_secret() -> str:
    """Draw a new key."""
    text = PREFIX + base32(secrets.randbits(256), _NUM_RANDOM)
    return text + _checksum(text)


def is_whole(text: str) -> bool:
    """Say whether a text is a key with nothing missing and nothing mistyped."""
    body, checksum = text[:-_NUM_CHECKSUM], text[-_NUM_CHECKSUM:]
    return len(text) == NUM_CHARACTERS and text.isascii() and checksum == _checksum(body)


def digest_of(secret: str) -> str:
    """Return what is stored of a key, 64 hexadecimal characters."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(text: str) -> str:
    return base32(zlib.crc32(text.encode()), _NUM_CHECKSUM)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of an API key.

    Attributes:
        id: Names it in lists and in the audit log; it is no secret.
        name: What its maker calls it.
        tenant: Whose records it opens.
        scopes: What it allows.
        created_at: When it was made.
        created_by: The caller who made it.
        shown: Its first characters, by which a person recognises it.
        secret_sha256: Of the key's text.
        expires_at: From when on it is refused; None: never.
        earlier_sha256: Of its text before the last rotation.
        earlier_expires_at: From when on that one is refused.
        revoked_at: When it was revoked.
        last_used_at: When it was last used, to the minute.
    """

    id: str
    name: str
    tenant: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    created_by: str
    shown: str
    secret_sha256: str
    expires_at: datetime | None = None
    earlier_sha256: str | None = None
    earlier_expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    @property
    def caller(self) -> Caller:
        """The caller that it stands for."""
        return Caller(self.id, self.tenant, frozenset(self.scopes), self.expires_at)

    def refusal(self, secret_sha256: str, now: datetime) -> str | None:
        """Say why a key of this digest is not accepted now, or return None."""
        if self.revoked_at:
            return "was revoked"
        if self.expires_at and self.expires_at <= now:
            return "has expired"
        if hmac.compare_digest(self.secret_sha256, secret_sha256):
            return None
        if not self.earlier_sha256 or not hmac.compare_digest(self.earlier_sha256, secret_sha256):
            return "is another one"
        if self.earlier_expires_at is None or self.earlier_expires_at <= now:
            return "was replaced by a rotation"
        return None

    def rotated(self, secret: str, now: datetime, grace: timedelta) -> "ApiKey":
        """Take a new secret; the present one is accepted for a while longer.

        Raises:
            ApiKeyEnded: The key was revoked or has expired.
        """
        if self.revoked_at or (self.expires_at and self.expires_at <= now):
            raise ApiKeyEnded(f"{self.id} was revoked or has expired. Make a new key instead.")
        return replace(
            self,
            shown=shown_part(secret),
            secret_sha256=digest_of(secret),
            earlier_sha256=self.secret_sha256 if grace else None,
            earlier_expires_at=now + grace if grace else None,
        )

    def revoked(self, now: datetime) -> "ApiKey":
        """End the key now, unless it ended before."""
        return self if self.revoked_at else replace(self, revoked_at=now)


def shown_part(secret: str) -> str:
    """Return the first characters of a key: too few to guess the rest."""
    return secret[: len(PREFIX) + _NUM_SHOWN]
