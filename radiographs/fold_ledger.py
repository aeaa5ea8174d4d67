"""The fold of each film under a keyed hash of its pixels.

A later version of a dataset can look up in it which fold a film was in before. In the order of
the hashes and without the films' own, it tells nobody without the key whose fold is which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiographs.folds import Fold
from radiographs.keyed_hash import KEY_BYTES, keyed_hash


def write_ledger(path: Path, key: bytes, digests: Sequence[str], folds: NDArray[np.int8]) -> None:
    """Write the fold of each film; copies of one film are in one fold and count once."""
    entries = sorted(
        {film_mark(key, digest): fold for digest, fold in zip(digests, folds, strict=True)}.items()
    )
    marks = np.frombuffer(b"".join(mark for mark, _ in entries), np.uint8)
    np.savez(
        path,
        marks=marks.reshape(-1, KEY_BYTES),
        folds=np.array([fold for _, fold in entries], np.int8),
    )


def read_ledger(path: Path) -> Mapping[bytes, Fold]:
    """Read the fold of each film, by `film_mark`."""
    with np.load(path) as ledger:
        return {
            mark.tobytes(): Fold(fold)
            for mark, fold in zip(ledger["marks"], ledger["folds"], strict=True)
        }


def film_mark(key: bytes, digest: str) -> bytes:
    """Name a film as only the holder of the key can."""
    return keyed_hash(key, "film", digest)
