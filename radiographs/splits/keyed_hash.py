"""Draws and names that only the holder of a secret key can repeat.

An unkeyed hash of an image would let anyone who has that image compute which split it is in.
"""

from __future__ import annotations

import hmac
from typing import Literal

KEY_BYTES = 32

Purpose = Literal[
    "first", "order", "coin", "image", "patient", "identity", "ledger", "version", "seed"
]  # hashes of different purposes are unrelated


def keyed_hash(key: bytes, purpose: Purpose, content: str) -> bytes:
    """Hash content under a key (HMAC-SHA256, RFC 2104).

    Args:
        key: Secret, of `KEY_BYTES` random bytes.
        purpose: What the hash decides or names.
        content: Of any length.

    Returns:
        32 bytes, to all who lack the key as good as random.
    """
    return hmac.digest(key, f"{purpose}\n{content}".encode(), "sha256")


def published_version(key: bytes, fingerprint: str) -> str:
    """Name a version of a dataset to the outside, in hexadecimal.

    The fingerprint itself would disclose to anyone who has the images that these are the ones.
    """
    return keyed_hash(key, "version", fingerprint).hex()
