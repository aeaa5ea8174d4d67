"""Who asks: from the bearer text of a request to its caller."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol

from service.domain import api_keys
from service.domain.api_keys import LAST_USE_RESOLUTION, ApiKey
from service.domain.caller import Caller
from service.domain.errors import RecordsUnavailable, Unauthenticated
from service.domain.ports import Clock
from service.domain.record_ports import ApiKeys

HOW = (
    "Send `Authorization: Bearer` and a key. `synthcxr up` writes one into the file `token` of its "
    "data directory; an administrator makes others with `synthcxr keys create`."
)


class Tokens(Protocol):
    """The tokens of an identity provider."""

    def caller(self, token: str) -> Caller:
        """Return the caller that a token stands for, or raise Unauthenticated."""


class Authenticator:
    """Knows callers by API keys and, where one is configured, by an identity provider's tokens.

    Args:
        keys: The API keys.
        clock: The time.
        tokens: The identity provider's tokens.
    """

    def __init__(self, keys: ApiKeys, clock: Clock, tokens: Tokens | None = None) -> None:
        self._keys = keys
        self._clock = clock
        self._tokens = tokens
        # apart from the request: it shall not wait for a database that is busy writing
        self._notes = ThreadPoolExecutor(max_workers=1, thread_name_prefix="key-use")

    def caller(self, bearer: str | None) -> Caller:
        """Return who shows a key or token.

        Raises:
            Unauthenticated: It is none, or not valid now.
            IdentityProviderUnavailable: A token cannot be checked.
            RecordsUnavailable: A key cannot be looked up.
        """
        if not bearer:
            raise Unauthenticated(f"This needs a key. {HOW}")
        if bearer.startswith(api_keys.PREFIX):
            return self._by_key(bearer)
        if self._tokens is None:
            raise Unauthenticated(
                f"What was sent is no key of this service: those begin with "
                f"`{api_keys.PREFIX}`. {HOW}"
            )
        return self._tokens.caller(bearer)

    def _by_key(self, secret: str) -> Caller:
        if not api_keys.is_whole(secret):
            raise Unauthenticated(
                "The key is damaged: a character is missing or mistyped. "
                f"Copy all {api_keys.NUM_CHARACTERS} characters of it."
            )
        digest = api_keys.digest_of(secret)
        key = self._keys.by_secret(digest)
        if key is None:
            raise Unauthenticated(f"This service does not know this key. {HOW}")
        refusal = key.refusal(digest, self._clock.now())
        if refusal:
            raise Unauthenticated(f"The key {key.id} {refusal}. {HOW}")
        self._note_use(key)
        return key.caller

    def _note_use(self, key: ApiKey) -> None:
        now = self._clock.now()
        if key.last_used_at is None or key.last_used_at <= now - LAST_USE_RESOLUTION:
            self._notes.submit(self._write_use, key.id)

    def _write_use(self, key_id: str) -> None:
        with suppress(RecordsUnavailable):  # the next request notes it
            self._keys.note_use(key_id)
