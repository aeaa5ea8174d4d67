"""Who was ever split by this service, and into which split: a private file beside the key.

A patient who was held out once must be held out of every later dataset, whatever size, depth or
format the images have then. So the ledger keeps, of each image ever split:

    marks, descriptors          its descriptor, and a keyed hash of that
    identities, splits           the number of its patient, and the split that was drawn
    patient_marks, _identities  keyed hashes of the patients' names, and their numbers
    links                       numbers that a later image showed to be one patient

The descriptors are small pictures of patients: the file is for the service's own eyes, as the
key is, and is never part of a release. It outlives the datasets, since models and sets made of
them outlive them. It belongs to one key.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.descriptor import SIDE
from radiographs.errors import LedgerUnusable
from radiographs.splits.keyed_hash import KEY_BYTES, keyed_hash

_FORMAT = 1


@dataclass(frozen=True)
class Ledger:
    """What is remembered of images (n), patients' names (p) and links (k)."""

    marks: NDArray[np.uint8]  # (n, 32)
    descriptors: NDArray[np.uint8]  # (n, SIDE, SIDE)
    identities: NDArray[np.uint64]  # (n,)
    splits: NDArray[np.int8]  # (n,)
    patient_marks: NDArray[np.uint8]  # (p, 32)
    patient_identities: NDArray[np.uint64]  # (p,)
    links: NDArray[np.uint64]  # (k, 2)

    def __add__(self, more: Ledger) -> Ledger:
        """Append what was learned."""
        parts = {
            field.name: np.concatenate([getattr(self, field.name), getattr(more, field.name)])
            for field in fields(self)
        }
        return Ledger(**parts)

    @classmethod
    def empty(cls) -> Ledger:
        """Remember nothing."""
        return cls(
            marks=np.empty((0, KEY_BYTES), np.uint8),
            descriptors=np.empty((0, SIDE, SIDE), np.uint8),
            identities=np.empty(0, np.uint64),
            splits=np.empty(0, np.int8),
            patient_marks=np.empty((0, KEY_BYTES), np.uint8),
            patient_identities=np.empty(0, np.uint64),
            links=np.empty((0, 2), np.uint64),
        )


class LedgerFile:
    """The file, which one ingest at a time may hold.

    Args:
        path: Of the ledger; its lock lies beside it, and neither need be there.
        key: That its marks are made under.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._seal = keyed_hash(key, "ledger", "")
        self._lock: IO[bytes] | None = None

    def try_to_hold(self) -> bool:
        """Return whether it is ours now, until `let_go`: others may hold it for a while."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(self._path.with_suffix(".lock"), "ab", opener=_private)  # noqa: SIM115  it stays open
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def let_go(self) -> None:
        """Leave it to others."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def read(self) -> Ledger:
        """Return what is remembered; nothing, where there is no file yet.

        Raises:
            LedgerUnusable: The file is damaged, or was written under another key.
        """
        try:
            with self._path.open("rb") as file:
                content = dict(np.load(file, allow_pickle=False))
        except FileNotFoundError:
            return Ledger.empty()
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise LedgerUnusable(f"it cannot be read ({error})") from error
        if content.pop("seal", np.empty(0)).tobytes() != self._seal:
            raise LedgerUnusable("it was written under another key")
        if content.pop("format").tolist() != _FORMAT:
            raise LedgerUnusable("it was written by another version of the service")
        return Ledger(**content)

    def write(self, ledger: Ledger) -> None:
        """Replace the file; after a crash it holds all of the old or all of the new."""
        assert self._lock is not None, "only who holds the ledger writes it"
        content = {field.name: getattr(ledger, field.name) for field in fields(ledger)}
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}.part")
        try:
            with open(draft, "xb", opener=_private) as file:
                seal = np.frombuffer(self._seal, np.uint8)
                np.savez(file, allow_pickle=False, format=_FORMAT, seal=seal, **content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        finally:
            draft.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
