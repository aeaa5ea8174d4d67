"""A stage under way: the optimisers and the average that move with the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.family import Batch, Losses, Phase, Stage
from models.optimiser import EagerAdamW
from models.precision import autocast
from models.seeding import RandomState, seed_update
from models.training.distributed import ProcessGroup
from models.training.ema import PowerAverage
from models.training_images import TrainingImages


@dataclass
class Shard:
    """A part of a batch.

    Attributes:
        batch: Its images.
        weight: Its share of the whole batch.
        random_state: Where its randomness stands between two phases.
    """

    batch: Batch
    weight: float
    random_state: RandomState


class StageState:
    """Walks the phases of a stage, and names every tensor that a resume needs."""

    def __init__(self, stage: Stage, model: nn.Module, process_group: ProcessGroup) -> None:
        self.stage = stage
        self._model = model
        self._process_group = process_group
        self._optimisers = [_optimiser(phase) for phase in stage.phases]
        self.average = PowerAverage(stage.averaged, stage.ema_relative_std)

    def walk(
        self,
        images: TrainingImages,
        fraction: float,
        precision: torch.dtype,
        moment: tuple[int, int, int],
    ) -> Losses:
        """Make one update of every phase whose turn it is on one batch; returns their losses.

        Args:
            images: What the batch is drawn from.
            fraction: How much of the stage is done.
            precision: The number format the losses are computed in.
            moment: Seed, stage and update: what the randomness depends on, besides the shard.
        """
        shards = [
            self._shard(images, fraction, moment, number) for number in self._process_group.shards
        ]
        reported: dict[str, Tensor] = {}
        for phase, optimiser in zip(self.stage.phases, self._optimisers, strict=True):
            if moment[2] % phase.every:
                continue
            self._model.requires_grad_(requires_grad=False)
            for module in phase.trained:
                module.requires_grad_(requires_grad=True)
            optimiser.zero_grad(set_to_none=True)
            losses = self._backward(phase, shards, precision)
            parameters = _parameters(phase.trained)
            gradients = [each.grad for each in parameters if each.grad is not None]
            self._process_group.all_reduce([*gradients, *losses.values()])
            if phase.max_gradient_norm is not None:
                nn.utils.clip_grad_norm_(parameters, phase.max_gradient_norm)
            for group in optimiser.param_groups:
                group["lr"] = phase.learning_rate * phase.schedule(fraction)
            optimiser.step()
            prefix = "" if len(self.stage.phases) == 1 else f"{phase.name}_"
            reported |= {prefix + name: term for name, term in losses.items()}
        return reported

    def _shard(
        self, images: TrainingImages, fraction: float, moment: tuple[int, int, int], number: int
    ) -> Shard:
        num_shards, size = self._process_group.num_shards, self.stage.batch_size
        seed_update(*moment, *([number] if num_shards > 1 else []))
        begin, end = (size * each // num_shards for each in (number, number + 1))
        indices = images.draw(end - begin)
        batch = Batch(images.read(indices), images.labels[indices], indices, fraction)
        return Shard(batch, (end - begin) / size, RandomState(images.device))

    def _backward(self, phase: Phase, shards: Sequence[Shard], precision: torch.dtype) -> Losses:
        """Add the gradients of a phase's loss over this process's shards; returns its terms.

        What a loss writes into buffers is averaged over all shards.
        """
        terms: dict[str, Tensor] = {}
        buffers = _Buffers(self._model, self._process_group)
        for shard in shards:
            shard.random_state.restore()
            with buffers.apart():
                with autocast(shard.batch.images.device, precision):
                    losses = phase.loss(shard.batch)
                (shard.weight * losses["loss"]).backward()  # type: ignore[no-untyped-call]
            shard.random_state = RandomState(shard.batch.images.device)
            for name, term in losses.items():
                terms[name] = terms.get(name, 0) + shard.weight * term.detach().float()
        buffers.average()
        return terms

    def tensors(self) -> dict[str, Tensor]:
        """Name every tensor a resume needs."""
        named = module_tensors(self._model)
        named |= {f"average/{i}": tensor for i, tensor in enumerate(self.average.tensors)}
        for phase, optimiser in zip(self.stage.phases, self._optimisers, strict=True):
            for i, moments in optimiser.state_dict()["state"].items():
                for key, tensor in moments.items():
                    named[f"optimiser/{phase.name}/{i}/{key}"] = tensor
        return named

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` gave; nothing when the stage had not begun."""
        averages = [name for name in tensors if name.startswith("average/")]
        if not averages:
            return
        self.average.load([tensors[f"average/{i}"] for i in range(len(averages))])
        for phase, optimiser in zip(self.stage.phases, self._optimisers, strict=True):
            prefix = f"optimiser/{phase.name}/"
            parameters = _parameters(phase.trained)
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith(prefix):
                    i, key = name.removeprefix(prefix).split("/")
                    state.setdefault(int(i), {})[key] = _laid_out_as(parameters[int(i)], tensor)
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _optimiser(phase: Phase) -> torch.optim.Optimizer:
    parameters = _parameters(phase.trained)
    return EagerAdamW(
        parameters,
        lr=phase.learning_rate,
        betas=phase.betas,
        weight_decay=phase.weight_decay,
        fused=True,
    )


def _parameters(modules: Sequence[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]


def _laid_out_as(parameter: Tensor, moment: Tensor) -> Tensor:
    """Lay a stored moment out as the weights are, which the fused optimiser of a GPU insists on."""
    if moment.shape != parameter.shape:  # the count of steps
        return moment
    return torch.empty_like(parameter, dtype=moment.dtype).copy_(moment)


def module_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Name a model's weights and buffers as checkpoints do."""
    return {f"model/{name}": tensor for name, tensor in model.state_dict().items()}


def load_module(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give a model what `module_tensors` named; nothing when there is nothing."""
    weights = {
        name.removeprefix("model/"): tensor
        for name, tensor in tensors.items()
        if name.startswith("model/")
    }
    if weights:
        model.load_state_dict(weights)


class _Buffers:
    """What the losses of several shards write into a model's buffers.

    Every shard begins from the same; in the end the buffers carry the mean over all shards.
    """

    def __init__(self, model: nn.Module, process_group: ProcessGroup) -> None:
        self._process_group = process_group
        self._live = [] if process_group.num_shards == 1 else list(model.buffers())
        self._before = (
            [buffer.clone() for buffer in self._live] if len(process_group.shards) > 1 else None
        )
        self._written: dict[int, Tensor] = {}  # sums over this process's shards

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Lend the buffers to one shard."""
        versions = [buffer._version for buffer in self._live]  # noqa: SLF001 - counts the writes
        yield
        for index, live in enumerate(self._live):
            if live._version == versions[index]:  # noqa: SLF001
                continue
            summed = live.is_floating_point() and index in self._written
            self._written[index] = live + self._written[index] if summed else live.clone()
            if self._before:
                live.copy_(self._before[index])

    def average(self) -> None:
        """Write the mean over all shards; of what is no fraction, the last shard's."""
        fractions = [each for each in self._written.values() if each.is_floating_point()]
        self._process_group.all_reduce(fractions)
        for index, written in self._written.items():
            share = self._process_group.num_shards if written.is_floating_point() else 1
            self._live[index].copy_(written / share)


@torch.no_grad()
def without_gradients(fractions: Iterator[float]) -> Iterator[float]:
    """Go through what a stage prepares or concludes; whoever waits at a yield has gradients."""
    yield from fractions
