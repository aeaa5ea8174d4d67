"""The training loop: a generator that yields `Progress` and whose caller decides to go on."""

from __future__ import annotations

import copy
import statistics
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from models.family import Family, Losses, Stage
from models.films import Films
from models.precision import fastest_dtype
from models.seeding import seed_update
from models.training.budget import Budget
from models.training.checkpoints import Checkpoints, Position
from models.training.ema import PowerAverage
from models.training.stage_state import StageState, load_module, module_tensors

TRIAL_SHARE = 0.03
TRIAL_MIN_SECONDS = 1.0
TRIAL_MIN_UPDATES = 4
UPDATES_BETWEEN_NAN_CHECKS = 50


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a finite number; a lower learning rate is the usual cure."""


@dataclass(frozen=True)
class Progress:
    """What a training has done so far.

    Attributes:
        stage: Name of the stage under way.
        images_seen: Training images seen over all stages, counted with repetition.
        total_images: Images the whole training will see; an estimate until the last stage is
            planned.
        fraction: Part of the whole budget done, in [0, 1].
        losses: The newest value of each term, by name; empty between updates.
        can_sample: Whether samples drawn now show anything.
        checkpointed: A checkpoint has just been written.
    """

    stage: str
    images_seen: int
    total_images: int
    fraction: float
    losses: Losses
    can_sample: bool
    checkpointed: bool = False


class Training:
    """One training of one model.

    Once `run` has ended, `images_seen` says how many images the model has seen in all.

    The same model, films, budget in images and seed give the same weights bit for bit on a CPU,
    however often the training is stopped and resumed from its checkpoints.
    """

    def __init__(
        self,
        model: Family[Any, Any],
        films: Films,
        budget: Budget,
        *,
        seed: int,
        checkpoints: Checkpoints | None = None,
        checkpoint_interval_seconds: float = 15.0,
    ) -> None:
        self.model = model
        self._films = films
        self._budget = budget
        self._seed = seed
        self._checkpoints = checkpoints
        self._interval_seconds = checkpoint_interval_seconds
        self._average: PowerAverage | None = None
        self.images_seen = 0

    def run(self) -> Iterator[Progress]:
        """Train to the end of the budget, from the newest checkpoint if there is one.

        When it ends by itself the model carries its averaged weights and is ready to sample.

        Raises:
            TrainingDiverged: A loss is no longer finite.
        """
        stored = self._checkpoints.newest() if self._checkpoints else None
        position, tensors = stored or (self._start(), {})
        load_module(self.model, tensors)
        self._began = self._saved_at = time.monotonic()
        self._began -= position.elapsed_seconds
        for index in range(position.stage, len(self.model.stages())):
            position = yield from self._run_stage(index, position, tensors)
            tensors = {}
        self.images_seen = position.images_seen
        self.model.eval()

    @contextmanager
    def averaged(self) -> Iterator[Family[Any, Any]]:
        """Lend the model with its averaged weights, ready to sample."""
        assert self._average is not None, "the training has not begun"
        with self._average.applied(), torch.no_grad():
            self.model.eval()
            yield self.model
        self.model.train()

    def _start(self) -> Position:
        precision = str(fastest_dtype(self._films.device)).removeprefix("torch.")
        return Position(
            stage=0, update=0, planned=(), images_seen=0, elapsed_seconds=0.0, precision=precision
        )

    def _run_stage(
        self, index: int, position: Position, tensors: dict[str, Tensor]
    ) -> Generator[Progress, None, Position]:
        stage = self.model.stages()[index]
        precision = getattr(torch, position.precision)
        self.model.eval()
        for _ in stage.prepare(self._films):
            yield self._progress(stage, index, position)
        if len(position.planned) == index:
            updates = yield from self._plan(index, position)
            position = self._at(position, planned=(*position.planned, updates))
        num_updates = position.planned[index]
        steps = StageState(stage, self.model)
        steps.load(tensors)
        self._average = steps.average

        self.model.train()
        while position.update < num_updates:
            update = position.update
            seed_update(self._seed, index, update)
            fraction = update / num_updates
            losses = steps.walk(self._films, fraction, precision)
            steps.average.update(update + 1)
            position = self._at(
                position,
                update=update + 1,
                images_seen=position.images_seen + stage.batch_size,
            )
            if position.update % UPDATES_BETWEEN_NAN_CHECKS == 0 or position.update == num_updates:
                _check_finite(losses, stage)
            saved = self._save_if_due(position, steps, losses)
            yield self._progress(stage, index, position, losses, checkpointed=saved)

        averages = enumerate(steps.average.tensors)
        _check_finite({f"averaged tensor {i}": tensor for i, tensor in averages}, stage)
        steps.average.apply()
        self.model.eval()
        with torch.no_grad():
            for _ in stage.conclude(self._films):
                yield self._progress(stage, index, position)
        position = self._at(position, stage=index + 1, update=0)
        if self._checkpoints:
            self._checkpoints.save(position, module_tensors(self.model))
        yield self._progress(stage, index, position, checkpointed=self._checkpoints is not None)
        return position

    def _plan(self, index: int, position: Position) -> Generator[Progress, None, int]:
        """Fit the number of updates of a stage to the budget."""
        stages = self.model.stages()
        stage = stages[index]
        if self._budget.images is not None:
            return max(1, round(self._budget.images * stage.share / stage.batch_size))
        assert self._budget.seconds is not None
        remaining = self._budget.seconds - (time.monotonic() - self._began)
        seconds = remaining * stage.share / sum(each.share for each in stages[index:])
        seconds_per_update = yield from self._trial(index, position, seconds * TRIAL_SHARE)
        return max(1, int(seconds * (1 - TRIAL_SHARE) / seconds_per_update))

    def _trial(
        self, index: int, position: Position, seconds: float
    ) -> Generator[Progress, None, float]:
        """Time the updates of a stage on a copy of the model."""
        model = copy.deepcopy(self.model).train()
        stage = model.stages()[index]
        steps = StageState(stage, model)
        durations: list[float] = []
        end = time.monotonic() + max(seconds, TRIAL_MIN_SECONDS)
        while time.monotonic() < end or len(durations) < TRIAL_MIN_UPDATES:
            seed_update(self._seed, index, len(durations))
            began = time.monotonic()
            steps.walk(self._films, 0.0, getattr(torch, position.precision))
            steps.average.update(1)
            if self._films.device.type == "cuda":
                torch.cuda.synchronize()
            durations.append(time.monotonic() - began)
            yield self._progress(stage, index, position)
        return statistics.fmean(durations[len(durations) // 4 :])

    def _save_if_due(self, position: Position, steps: StageState, losses: Losses) -> bool:
        now = time.monotonic()
        if self._checkpoints is None or now - self._saved_at < self._interval_seconds:
            return False
        _check_finite(losses, steps.stage)
        self._checkpoints.save(position, steps.tensors())
        self._saved_at = time.monotonic()
        return True

    def _at(self, position: Position, **changes: Any) -> Position:
        elapsed = time.monotonic() - self._began
        return replace(position, elapsed_seconds=elapsed, **changes)

    def _progress(
        self,
        stage: Stage,
        index: int,
        position: Position,
        losses: Losses | None = None,
        *,
        checkpointed: bool = False,
    ) -> Progress:
        shares = [each.share for each in self.model.stages()]
        fraction = sum(shares[: position.stage])
        if position.stage == index and len(position.planned) > index:
            fraction += stage.share * position.update / position.planned[index]
        total = self._budget.images or round(position.images_seen / fraction if fraction else 0)
        return Progress(
            stage=stage.name,
            images_seen=position.images_seen,
            total_images=max(total, position.images_seen),
            fraction=min(1.0, fraction),
            losses=losses or {},
            can_sample=stage.can_sample and losses is not None,
            checkpointed=checkpointed,
        )


def _check_finite(tensors: Mapping[str, Tensor], stage: Stage) -> None:
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise TrainingDiverged(
                f"In stage {stage.name!r} the {name!r} is no longer finite. "
                "Lower the learning rate, or train in float32."
            )
