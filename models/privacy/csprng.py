"""Random numbers that nobody without the key can distinguish from true ones or predict."""

from __future__ import annotations

import secrets
import struct

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from numpy.typing import NDArray

KEY_BYTES = 32
UNIT = 2.0**-53  # between neighbouring doubles below 1


class CsprngNoise:
    """Numbers from a stream cipher, ChaCha20, under a key from the operating system.

    Each draw names a purpose and a moment, and the same two give the same numbers under the same
    key: what is done again after an interruption is the same draw, not another.

    Args:
        key: 32 bytes; by default fresh ones. Whoever holds them could take the noise away.

    Reference: Bernstein 2008, ChaCha, a variant of Salsa20.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self.key = key or secrets.token_bytes(KEY_BYTES)

    def uniform(self, purpose: int, moment: int, num_values: int) -> NDArray[np.float64]:
        """Draw uniform numbers in (0, 1]."""
        place = struct.pack("<QII", 0, purpose, moment)  # the block counter, and the nonce
        cipher = Cipher(algorithms.ChaCha20(self.key, place), mode=None).encryptor()
        words = np.frombuffer(cipher.update(bytes(8 * num_values)), np.uint64)
        return ((words >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * UNIT

    def normal(self, purpose: int, moment: int, num_values: int) -> NDArray[np.float64]:
        """Draw standard normal numbers.

        Reference: Box & Muller 1958.
        """
        half = (num_values + 1) // 2
        u_1, u_2 = self.uniform(purpose, moment, 2 * half).reshape(2, half)
        length, angle = np.sqrt(-2 * np.log(u_1)), 2 * np.pi * u_2
        both = np.concatenate([length * np.cos(angle), length * np.sin(angle)])
        drawn: NDArray[np.float64] = both[:num_values]
        return drawn
