"""Where every random number comes from.

A training update draws all it needs after `seed_update`, so a resumed run needs no stored random
state. An image of a synthetic set draws from a source of its own, so it is the same in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def derived_seed(*path: int) -> int:
    """Derive an independent 63-bit seed from non-negative integers, each below 2**64.

    Reference: numpy.random.SeedSequence, a hash of its entropy words.
    """
    [word] = np.random.SeedSequence(path).generate_state(1, np.uint64)
    return int(word) >> 1


def image_seed(set_seed: int, index: int) -> int:
    """Seed of image `index` of the synthetic set drawn with `set_seed`."""
    return derived_seed(set_seed, index)


def seed_update(seed: int, stage: int, update: int) -> None:
    """Seed torch's global source for one training update."""
    torch.manual_seed(derived_seed(seed, stage, update))


class ImageNoise:
    """A random source for each image of a batch.

    Numbers are drawn on the CPU, so that they do not depend on the device.
    """

    def __init__(self, seeds: Sequence[int], device: torch.device | str = "cpu") -> None:
        self._rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._device = torch.device(device)

    def __len__(self) -> int:
        return len(self._rngs)

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, (b, *shape), float32."""
        return self._stack([torch.randn(shape, generator=rng) for rng in self._rngs])

    def uniform(self, *shape: int) -> Tensor:
        """Draw uniform numbers in [0, 1), (b, *shape), float32."""
        return self._stack([torch.rand(shape, generator=rng) for rng in self._rngs])

    def _stack(self, draws: list[Tensor]) -> Tensor:
        return torch.stack(draws).to(self._device)
