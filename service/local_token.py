"""The token of `synthcxr up`: a key in a file that only the user who started it can read."""

from collections.abc import Iterator
from pathlib import Path

from service.adapters.durable_files import replace_file
from service.domain import api_keys
from service.domain.api_keys import ApiKey
from service.domain.caller import SCOPES, Caller, Scope, sorted_scopes
from service.domain.ports import Clock
from service.domain.record_ports import ApiKeys
from service.key_management import KeyManager

_MAKER = Caller("synthcxr up", scopes=frozenset(SCOPES))
_FOR_OTHERS = 0o077


class LocalToken:
    """A file that holds a valid key.

    Args:
        file: Mode 0600; it appears whole.
        name: Distinguishes the keys of different data directories.
        keys: All API keys.
        clock: The time.
    """

    def __init__(self, file: Path, name: str, keys: ApiKeys, clock: Clock) -> None:
        self._file = file
        self._name = name
        self._keys = keys
        self._clock = clock
        self._manager = KeyManager(keys, clock, _MAKER)

    def keep(self, scopes: frozenset[Scope]) -> None:
        """Make sure that the file holds a valid key of exactly these scopes.

        A good key stays, so that clients outlive a restart. Otherwise a new one takes its place,
        and every earlier one of the same name ends.

        Raises:
            StorageFull: There is no room for the file.
        """
        if self._is_good(sorted_scopes(scopes)):
            return
        earlier = list(self._valid_keys())
        issued = self._manager.create(self._name, sorted_scopes(scopes))
        replace_file(self._file, f"{issued.secret}\n".encode())
        for key in earlier:
            self._manager.revoke(key.id)

    def _is_good(self, scopes: tuple[Scope, ...]) -> bool:
        try:
            if self._file.stat().st_mode & _FOR_OTHERS:
                return False
            secret = self._file.read_bytes().decode("ascii", "replace").strip()
        except FileNotFoundError:
            return False
        digest = api_keys.digest_of(secret)
        key = self._keys.by_secret(digest)
        return (
            key is not None
            and (key.created_by, key.name, key.scopes) == (_MAKER.id, self._name, scopes)
            and key.refusal(digest, self._clock.now()) is None
        )

    def _valid_keys(self) -> Iterator[ApiKey]:
        cursor = None
        while True:
            page = self._keys.keys(_MAKER.tenant, cursor=cursor)
            for key in page.items:
                if (key.created_by, key.name, key.revoked_at) == (_MAKER.id, self._name, None):
                    yield key
            cursor = page.next_cursor
            if cursor is None:
                return
