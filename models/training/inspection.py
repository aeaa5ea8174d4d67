"""What a stage is looked at for when it ends."""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor, nn

from models.family import Batch, Losses, Phase
from models.precision import autocast
from models.seeding import RandomState, seed_update
from models.training.stage_state import StageState
from models.training_images import TrainingImages

NUM_BATCHES = 4
LATE = 0.8


class LateLosses:
    """The mean of each reported loss over the last fifth of a stage; the device is not waited for.

    A stage that is resumed late counts what it saw itself.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def take(self, losses: Losses, fraction: float) -> None:
        """Take in one update."""
        if fraction < LATE:
            return
        for name, term in losses.items():
            self._sums[name] = self._sums.get(name, 0) + term
            self._counts[name] = self._counts.get(name, 0) + 1

    def means(self) -> dict[str, float]:
        """Average what was taken in."""
        return {name: float(term) / self._counts[name] for name, term in self._sums.items()}


def averaged_phase(steps: StageState) -> Phase | None:
    """Find the phase that moves what is averaged: the last such."""
    averaged = {id(each) for module in steps.stage.averaged for each in module.parameters()}
    for phase in reversed(steps.stage.phases):
        if any(id(each) in averaged for module in phase.trained for each in module.parameters()):
            return phase
    return None


def losses_of_average(
    steps: StageState,
    model: nn.Module,
    images: TrainingImages,
    precision: torch.dtype,
    seed: int,
) -> Generator[None, None, tuple[Tensor, Tensor] | None]:
    """Compute the loss under the last weights and the averaged ones, on the same batches.

    Args:
        steps: The stage, done.
        model: In evaluation mode; left as it is.
        images: What batches are drawn from.
        precision: The number format.
        seed: Of the batches.

    Returns:
        The losses under the last weights and under the averaged ones, (NUM_BATCHES,) each; None
        where no phase moves what is averaged.
    """
    phase = averaged_phase(steps)
    if phase is None:
        return None
    random_state = RandomState(images.device)
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    model.requires_grad_(requires_grad=False)

    def loss(number: int) -> Tensor:
        seed_update(seed, number)
        indices = images.draw(steps.stage.batch_size)
        batch = Batch(images.read(indices), images.labels[indices], indices, fraction=1.0)
        with autocast(images.device, precision):
            return phase.loss(batch)["loss"].detach().float()

    live, averaged = [], []
    for number in range(NUM_BATCHES):
        live.append(loss(number))
        with steps.average.applied():
            averaged.append(loss(number))
        yield
    for buffer, before in buffers:
        buffer.copy_(before)
    random_state.restore()
    return torch.stack(live), torch.stack(averaged)
