"""Where every random number comes from.

A training update draws all it needs after `seed_update`, so a resumed run needs no stored random
state. An image of a synthetic set draws from a source of its own, so it is the same in any batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

PREVIEW = 1  # the use of a seed that is no image's of a set


def derived_seed(*path: int) -> int:
    """Derive an independent 63-bit seed from non-negative integers, each below 2**64.

    Reference: numpy.random.SeedSequence, a hash of its entropy words.
    """
    [word] = np.random.SeedSequence(path).generate_state(1, np.uint64)
    return int(word) >> 1


def image_seed(set_seed: int, index: int) -> int:
    """Seed of image `index` of the synthetic set drawn with `set_seed`."""
    return derived_seed(set_seed, index)


def seed_update(seed: int, *moment: int) -> None:
    """Seed torch's global source for a moment of a training: stage, update and perhaps shard."""
    value = derived_seed(seed, *moment)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.manual_seed(value)
    else:  # or torch notes for a GPU where it was seeded: milliseconds of every update
        torch.default_generator.manual_seed(value)


class RandomState:
    """Where torch's global source stands, to go on from later.

    Args:
        device: What draws besides the CPU.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._cpu = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        """Go on from there."""
        torch.set_rng_state(self._cpu)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)


@dataclass(frozen=True)
class Between:
    """A seed on the way from one to another.

    Attributes:
        from_seed: Drawn at position 0.
        to_seed: Drawn at position 1.
        position: In [0, 1].
    """

    from_seed: int
    to_seed: int
    position: float


@dataclass(frozen=True)
class PreviewSeed:
    """A seed of an image that is looked at and not examined.

    Its numbers belong to no seed of a set, nor to the way between two: whoever has seen the image
    cannot ask for it in a set.
    """

    seed: int


Seed = int | Between | PreviewSeed


def preview_seed(seed: int, index: int) -> PreviewSeed:
    """Seed of image `index` of a preview."""
    return PreviewSeed(derived_seed(seed, index))


class ImageNoise:
    """A random source for each image of a batch.

    Numbers are drawn on the CPU, so that they do not depend on the device.

    Args:
        seeds: Of each image. An image between two seeds draws sin(phi) a + cos(phi) b from the
            numbers a and b of both: standard normal again, and all the way.
        device: Where the numbers are wanted.
    """

    def __init__(self, seeds: Sequence[Seed], device: torch.device | str = "cpu") -> None:
        self._sources = [_source(seed) for seed in seeds]
        self._device = torch.device(device)

    def __len__(self) -> int:
        return len(self._sources)

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, (b, *shape), float32."""
        return torch.stack([source.normal(shape) for source in self._sources]).to(self._device)


class _Source:
    """Normal numbers from one seed, of one use.

    All 64 bits of the seed count; torch's generator of the CPU takes notice of 32.
    """

    def __init__(self, seed: int, *use: int) -> None:
        words = np.random.SeedSequence(seed, spawn_key=use)
        self._rng = np.random.Generator(np.random.SFC64(words))

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.from_numpy(self._rng.standard_normal(shape, np.float32))


class _Passage:
    """Normal numbers on the way from one seed's to another's."""

    def __init__(self, between: Between) -> None:
        self._ends = _Source(between.from_seed), _Source(between.to_seed)
        # two sines, since the cosine of a right angle is not quite 0 in floating point
        quarter_turn = math.pi / 2
        self._weights = (
            math.sin(quarter_turn * (1 - between.position)),
            math.sin(quarter_turn * between.position),
        )

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        a, b = (end.normal(shape) for end in self._ends)
        return self._weights[0] * a + self._weights[1] * b


def _source(seed: Seed) -> _Source | _Passage:
    match seed:
        case Between():
            return _Passage(seed)
        case PreviewSeed():
            return _Source(seed.seed, PREVIEW)
        case _:
            return _Source(seed)
