"""A stage under way: the optimisers and the average that move with the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.family import Batch, Losses, Phase, Stage
from models.films import Films
from models.precision import autocast
from models.training.ema import PowerAverage


class StageState:
    """Walks the phases of a stage, and names every tensor that a resume needs."""

    def __init__(self, stage: Stage, model: nn.Module) -> None:
        self.stage = stage
        self._model = model
        self._optimisers = [_optimiser(phase) for phase in stage.phases]
        self.average = PowerAverage(stage.averaged, stage.ema_relative_std)

    def walk(self, films: Films, fraction: float, precision: torch.dtype) -> Losses:
        """Make one update of every phase on one batch; returns all their losses, detached."""
        indices = films.draw(self.stage.batch_size)
        batch = Batch(films.images(indices), films.labels[indices], indices, fraction)
        reported: dict[str, Tensor] = {}
        for phase, optimiser in zip(self.stage.phases, self._optimisers, strict=True):
            self._model.requires_grad_(requires_grad=False)
            for module in phase.trained:
                module.requires_grad_(requires_grad=True)
            with autocast(films.device, precision):
                losses = phase.loss(batch)
            optimiser.zero_grad(set_to_none=True)
            losses["loss"].backward()  # type: ignore[no-untyped-call]
            parameters = _parameters(phase.trained)
            if phase.max_gradient_norm is not None:
                nn.utils.clip_grad_norm_(parameters, phase.max_gradient_norm)
            for group in optimiser.param_groups:
                group["lr"] = phase.learning_rate * phase.schedule(fraction)
            optimiser.step()
            prefix = "" if len(self.stage.phases) == 1 else f"{phase.name}_"
            reported |= {prefix + name: term.detach() for name, term in losses.items()}
        return reported

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
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in tensors.items():
                if name.startswith(prefix):
                    i, key = name.removeprefix(prefix).split("/")
                    state.setdefault(int(i), {})[key] = tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})


def _optimiser(phase: Phase) -> torch.optim.Optimizer:
    parameters = _parameters(phase.trained)
    return torch.optim.AdamW(
        parameters,
        lr=phase.learning_rate,
        betas=phase.betas,
        weight_decay=phase.weight_decay,
        fused=True,
    )


def _parameters(modules: Sequence[nn.Module]) -> list[nn.Parameter]:
    return [parameter for module in modules for parameter in module.parameters()]


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
