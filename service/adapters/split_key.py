"""The secret that datasets are split under: a file of 32 random bytes."""

import secrets
from pathlib import Path

from service.adapters.durable_files import create_file
from service.domain.errors import SplitKeyLost

KEY_BYTES = 32


class SplitKey:
    """The file that holds the key.

    Without the key nobody can compute which split an image is in, and nobody can repeat it. A
    backup that lacks it is no backup.

    Args:
        data_dir: The key lies in `keys/split.key`, and is made there when it is first needed.
        named: Where the operator keeps it instead; such a file is never made here.
    """

    def __init__(self, data_dir: Path, named: Path | None = None) -> None:
        self._own = named is None
        self._path = named or data_dir.resolve() / "keys" / "split.key"

    def __str__(self) -> str:
        """Name the file to those who may not know where it lies."""
        if self._own:
            return "keys/split.key in the data directory"
        return "the file that SYNTHCXR_SPLIT_KEY_FILE names"

    def read(self) -> bytes:
        """Return the key.

        Raises:
            SplitKeyLost: The file is missing, cannot be read or does not hold 32 bytes.
        """
        try:
            key = self._path.read_bytes()
        except OSError as error:
            raise SplitKeyLost(
                f"The key that datasets are split under, {self}, cannot be read: "
                f"{error.strerror}. {self._remedy}"
            ) from error
        if len(key) != KEY_BYTES:
            raise SplitKeyLost(
                f"The key that datasets are split under has {KEY_BYTES} bytes; {self} holds "
                f"{len(key)}. {self._remedy}"
            )
        return key

    def read_or_make(self) -> bytes:
        """Return the key; where there is none yet, make one that only this user can read.

        Of several processes that make it at once, one wins and all return the winner's.

        Raises:
            SplitKeyLost: As `read`; a file that the operator named is not made.
            StorageFull: The disk is full.
        """
        if self._own and not self._path.exists():
            create_file(self._path, secrets.token_bytes(KEY_BYTES))
        return self.read()

    @property
    def _remedy(self) -> str:
        if self._own:
            return "Restore it from a backup of the data directory, then retry."
        return (
            f"Restore it, then retry; a new service makes it: `openssl rand -out FILE {KEY_BYTES}`."
        )
