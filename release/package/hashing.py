"""What may be recognised and not guessed: hashed seeds and rounded counts."""

from __future__ import annotations

from radiographs.splits.keyed_hash import keyed_hash

ROUNDED_TO = 10


def hashed_seed(key: bytes, seed: int) -> str:
    """Name a seed without telling it, since a seed and the weights regenerate an image.

    Equal seeds have equal hashes, and nobody without the key can try guesses.

    Args:
        key: The secret that the service's datasets are split under.
        seed: Of an image or of a set.

    Returns:
        64 hex characters.
    """
    return keyed_hash(key, "seed", str(seed)).hex()


def rounded_count(count: int) -> int:
    """Round a number of real images to tens, so that one patient more or less hardly shows."""
    return round(count / ROUNDED_TO) * ROUNDED_TO
