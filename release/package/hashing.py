"""What may be recognised and not guessed: keyed hashes and rounded counts.

A seed and the weights regenerate a film, and a dataset's fingerprint tells who has the same
films. Both stand in a package only as HMAC-SHA256 under a key that stays with the service: equal
things have equal hashes, and nobody without the key can try guesses.

Reference: RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac

ROUNDED_TO = 10


def hashed_seed(key: bytes, seed: int) -> str:
    """Name a seed without telling it.

    Args:
        key: The service's hashing key.
        seed: Of a film or of a set.

    Returns:
        64 hex characters.
    """
    return _keyed(key, "seed", str(seed))


def hashed_version(key: bytes, fingerprint: str) -> str:
    """Name a dataset version without telling its fingerprint; 64 hex characters."""
    return _keyed(key, "dataset", fingerprint)


def rounded_count(count: int) -> int:
    """Round a number of real films to tens, so that one patient more or less hardly shows."""
    return round(count / ROUNDED_TO) * ROUNDED_TO


def _keyed(key: bytes, purpose: str, content: str) -> str:
    return hmac.new(key, f"synthcxr {purpose}\0{content}".encode(), hashlib.sha256).hexdigest()
