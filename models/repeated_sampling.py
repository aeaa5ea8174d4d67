"""A model's whole way from noise to images, recorded once and repeated for each batch."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor

from models.config import FamilySampler
from models.family import Family
from models.graph_capture import Capture, Recorded
from models.seeding import ImageNoise


class RepeatedSampling:
    """Batches of one size from one model by one sampler.

    The first batch shows which random numbers the sampler asks for, the second is recorded, and
    later ones repeat the recording. What images are drawn does not depend on it.

    Args:
        model: Ready to sample; not kept alive.
        sampler: How.
        capture: Records.
    """

    def __init__(self, model: Family[Any, Any], sampler: FamilySampler, capture: Capture) -> None:
        self._model = weakref.ref(model)
        self._sampler = sampler
        self._shapes: list[tuple[int, ...]] | None = None
        self._recorded = Recorded(self._from_numbers, capture)

    @property
    def is_recorded(self) -> bool:
        """Whether the next batch repeats a recording."""
        return self._recorded.is_recorded

    def __call__(self, mixtures: Tensor, noise: ImageNoise) -> Tensor:
        """Draw a batch; see `Family.sample`."""
        if self._shapes is None:
            listener = _Listener(noise)
            images = self._draw(mixtures, listener)
            self._shapes = listener.shapes
            return images
        return self._recorded([mixtures, *(noise.normal(*shape) for shape in self._shapes)])

    def _from_numbers(self, inputs: Any) -> Tensor:
        mixtures, *numbers = inputs
        return self._draw(mixtures, _Given(numbers))

    def _draw(self, mixtures: Tensor, noise: ImageNoise) -> Tensor:
        model = self._model()
        assert model is not None, "whoever draws holds the model"
        images: Tensor = model.sample(mixtures, noise, self._sampler)
        return images


class _Listener(ImageNoise):
    """Another source, and the shapes it was asked for."""

    def __init__(self, noise: ImageNoise) -> None:
        self._noise = noise
        self.shapes: list[tuple[int, ...]] = []

    def __len__(self) -> int:
        return len(self._noise)

    def normal(self, *shape: int) -> Tensor:
        self.shapes.append(shape)
        return self._noise.normal(*shape)


class _Given(ImageNoise):
    """Numbers that were drawn before, in their order."""

    def __init__(self, numbers: list[Tensor]) -> None:
        self._numbers = iter(numbers)
        self._size = len(numbers[0]) if numbers else 0

    def __len__(self) -> int:
        return self._size

    def normal(self, *shape: int) -> Tensor:
        drawn = next(self._numbers)
        assert drawn.shape[1:] == shape, "a sampler asks for the same numbers each time"
        return drawn
