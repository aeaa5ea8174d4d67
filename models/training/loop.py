"""The training loop: a generator that yields `Progress` and whose caller decides to go on."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from models.diagnosis import TrainingFault, average_too_long
from models.family import Family, Losses, Stage, TrainingOutcome
from models.precision import fastest_dtype
from models.seeding import seed_update
from models.threads import Threads
from models.training.checkpoints import Checkpoints, Position, seconds_between
from models.training.distributed import ProcessGroup, SingleProcess
from models.training.ema import PowerAverage
from models.training.ending import Ending
from models.training.inspection import LateLosses, averaged_phase, losses_of_average
from models.training.memorisation_check import MemorisationCheck
from models.training.plan import Budget, StageSchedule, plan_training
from models.training.progress import Progress, about_all, fraction_done, total_images
from models.training.schedule_fitting import ScheduleFitter
from models.training.stage_state import StageState, load_module, module_tensors, without_gradients
from models.training.throughput_probe import measure_throughput
from models.training_images import TrainingImages

TRIAL = "trial"
PROBE_SECONDS = 1.5  # for the updates of a stage
MAX_PROBE_SHARE = 0.02  # of a budget in seconds, for the same
UPDATES_BETWEEN_NAN_CHECKS = 50

T = TypeVar("T")


class TrainingDiverged(ArithmeticError):
    """The loss is no longer a finite number; a lower learning rate is the usual cure."""


class Training:
    """One training of one model.

    Attributes:
        model: What is trained.
        images: What it learns from.
        budget: How long.
        images_seen: Images the model has seen in all, once `run` has ended.
        findings: What went wrong short of an error, once `run` has ended.
        ending: Where it stopped and why, once `run` has ended.

    The same model, images, budget in images and seed give the same weights bit for bit on a CPU,
    however often the training is stopped and resumed from its checkpoints, as long as the number
    of threads is one and the same: `threads` that are measured may change it on the way.
    """

    def __init__(
        self,
        model: Family[Any, Any],
        images: TrainingImages,
        budget: Budget,
        *,
        seed: int,
        process_group: ProcessGroup | None = None,
        checkpoints: Checkpoints | None = None,
        checkpoint_interval_seconds: float = 15.0,
        memorisation_check: MemorisationCheck | None = None,
        threads: Threads | None = None,
    ) -> None:
        self.model = model
        self.images = images
        self.budget = budget
        self._seed = seed
        self._process_group = process_group or SingleProcess()
        self._checkpoints = checkpoints
        self._interval_seconds = checkpoint_interval_seconds
        self._check = memorisation_check
        self._threads = threads or Threads()
        self._fitter = ScheduleFitter(model, budget, self._process_group)
        self._average: PowerAverage | None = None
        self._unsaved: tuple[Position, StageState, Losses] | None = None
        self._late_losses: dict[str, float] = {}
        self.images_seen = 0
        self.ending: Ending | None = None
        self.findings: list[TrainingFault] = []

    def run(self) -> Iterator[Progress]:
        """Train to the end of the budget, from the newest checkpoint if there is one.

        When it ends by itself the model carries its averaged weights and is ready to sample.

        Raises:
            TrainingDiverged: A loss is no longer finite.
        """
        stored = self._checkpoints.newest() if self._checkpoints else None
        position, tensors = stored or (self._start(), {})
        load_module(self.model, tensors)
        self._resumed_at = self._saved_at = time.monotonic()
        self._began = self._resumed_at - position.elapsed_seconds
        for index in range(position.stage, len(self.model.stages())):
            position = yield from self._run_stage(index, position, tensors)
            tensors = {}
        self.images_seen = position.images_seen
        stages = self.model.stages()
        self.ending = Ending.of(stages, position.plan, self.budget, position.comparison)
        self.model.eval()
        if self._process_group.is_leader:
            with torch.no_grad():
                self.findings += self.model.diagnose(
                    TrainingOutcome(self.images, self._late_losses)
                )

    def save(self) -> int | None:
        """Write a checkpoint between two steps of `run`, before the training is left.

        Returns:
            The images seen until then; None where there is nothing new to keep.

        Raises:
            TrainingDiverged: A loss is no longer finite; nothing is written.
            OSError: The disk is full or cannot be written; earlier checkpoints stand.
        """
        if self._unsaved is None or not self._checkpoints or not self._process_group.is_leader:
            return None
        position, steps, losses = self._unsaved
        _check_finite(losses, steps.stage)
        self._checkpoints.save(position, steps.tensors())
        self._saved_at, self._unsaved = time.monotonic(), None
        return position.images_seen

    @contextmanager
    def averaged(self) -> Iterator[Family[Any, Any]]:
        """Lend the model with its averaged weights, ready to sample."""
        assert self._average is not None, "the training has not begun"
        with self._average.applied(), torch.no_grad():
            self.model.eval()
            yield self.model
        self.model.train()

    def _start(self) -> Position:
        precision = str(fastest_dtype(self.images.device)).removeprefix("torch.")
        return Position(
            stage=0,
            update=0,
            plan=(),
            schedule=StageSchedule(),
            expected_seconds=None,
            first_loss=None,
            images_seen=0,
            elapsed_seconds=0.0,
            precision=precision,
        )

    def _run_stage(
        self, index: int, position: Position, tensors: dict[str, Tensor]
    ) -> Generator[Progress, None, Position]:
        stage = self.model.stages()[index]
        position = yield from self._prepare(index, stage, position)
        steps = StageState(stage, self.model, self._process_group)
        steps.load(tensors)
        self._average = steps.average
        position = yield from self._make_updates(index, steps, position)
        averages = enumerate(steps.average.tensors)
        _check_finite({f"averaged tensor {i}": tensor for i, tensor in averages}, stage)
        self.model.eval()
        yield from self._inspect(steps, position)
        steps.average.apply()
        return (yield from self._conclude(index, stage, position))

    def _prepare(
        self, index: int, stage: Stage, position: Position
    ) -> Generator[Progress, None, Position]:
        """Prepare a stage and begin its schedule; before the first one, plan them all."""
        self.model.eval()
        seed_update(self._seed, index)
        for _ in stage.prepare(self.images):
            yield replace(self._progress(stage, position), stage=f"preparing {stage.name}")
        self._process_group.broadcast(list(self.model.state_dict().values()))
        if not position.plan:
            position = yield from self._plan(position)
            self._save_between_stages(position)
            yield self._progress(stage, position, checkpointed=self._checkpoints is not None)
        return self._fitter.start(index, self._at(position))

    def _make_updates(
        self, index: int, steps: StageState, position: Position
    ) -> Generator[Progress, None, Position]:
        """Make the updates of a stage that are left, and save now and then."""
        stage, late_losses = steps.stage, LateLosses()
        precision = getattr(torch, position.precision)
        self._threads.resume(position.plan[index].timing.num_threads)
        self.model.train()
        while position.update < position.plan[index].updates:
            position = yield from self._check_memorisation(index, position)
            if position.update == position.plan[index].updates:
                break
            update = position.update
            fraction = position.schedule.fraction_at(update, position.plan[index].updates)
            with self._threads.piece():
                losses = steps.walk(self.images, fraction, precision, (self._seed, index, update))
                steps.average.update(update + 1)
            late_losses.take(losses, fraction)
            if update == 0:
                position = replace(position, first_loss=_averaged_loss(losses, steps))
            seen = position.images_seen + stage.batch_size
            position = self._at(position, update=update + 1, images_seen=seen)
            position = self._fitter.with_threads(index, position, self._threads.chosen)
            position = self._fitter.refit(index, position)
            ended = position.update == position.plan[index].updates
            if position.update % UPDATES_BETWEEN_NAN_CHECKS == 0 or ended:
                _check_finite(losses, stage)
            self._unsaved = position, steps, losses
            saved = (self.save() is not None) if ended else self._save_if_due()
            yield self._progress(stage, position, losses, checkpointed=saved)
        self._threads.settle()
        self._unsaved = None  # what follows moves the weights and may take long
        self._late_losses = late_losses.means()
        return position

    def _conclude(
        self, index: int, stage: Stage, position: Position
    ) -> Generator[Progress, None, Position]:
        """Conclude a stage, and go on to the next."""
        seed_update(self._seed, index, position.plan[index].updates)
        for done in without_gradients(stage.conclude(self.images)):
            if not stage.phases:
                position = replace(position, schedule=StageSchedule(fraction=done))
            yield self._progress(stage, position)
        self._process_group.broadcast(list(self.model.state_dict().values()))
        seen = position.images_seen + (0 if stage.phases else about_all(self.images))
        position = self._at(
            position,
            stage=index + 1,
            update=0,
            schedule=StageSchedule(),
            first_loss=None,
            images_seen=seen,
        )
        self._save_between_stages(position)
        measured = stage.measured() or None
        saved = self._checkpoints is not None
        yield self._progress(stage, position, measured, checkpointed=saved)
        return position

    def _check_memorisation(
        self, index: int, position: Position
    ) -> Generator[Progress, None, Position]:
        """Find out whether the stage has begun to memorise, if that is due; then it ends here."""
        if position.comparison.memorises:  # found in a stage before, which it ended
            return position
        stage, planned = self.model.stages()[index], position.plan[index]
        fraction = position.schedule.fraction_at(position.update, planned.updates)
        if not self._check or not stage.can_sample or not position.comparison.is_due(fraction):
            return position
        if self._process_group.is_leader:
            scores = []
            for some in self._check.parts():
                with self.averaged() as model:
                    found = self._check.scores(model, some)
                if found is not None:
                    scores.append(found)
                yield self._progress(stage, position)
            comparison = position.comparison.with_scores(
                torch.cat(scores) if scores else None, self._check.num_members, fraction
            )
            position = replace(position, comparison=comparison)
        position = self._process_group.broadcast_value(position)
        if not position.comparison.memorises:
            return position
        return position.with_planned(index, replace(planned, updates=position.update))

    def _inspect(self, steps: StageState, position: Position) -> Iterator[Progress]:
        """Hold the averaged weights of a stage that ends against its last ones."""
        if not self._process_group.is_leader:
            return
        precision = getattr(torch, position.precision)
        comparison = losses_of_average(steps, self.model, self.images, precision, self._seed)
        compared = yield from _each(comparison, self._progress(steps.stage, position))
        if compared:
            assert position.first_loss is not None
            found = average_too_long(steps.stage.name, *compared, position.first_loss)
            self.findings += [found] if found else []

    def _plan(self, position: Position) -> Generator[Progress, None, Position]:
        """Fit the training to its budget by a trial of every stage."""
        budget, stages = self.budget, self.model.stages()
        seconds = PROBE_SECONDS
        if budget.seconds is not None:
            seconds = min(seconds, MAX_PROBE_SHARE * budget.seconds / len(stages))

        trial = measure_throughput(
            self.model,
            self.images,
            getattr(torch, position.precision),
            seconds=seconds,
            max_updates=budget.most_updates,
            process_group=self._process_group,
            threads=self._threads,
        )
        random_state = torch.get_rng_state()
        timings = yield from _each(trial, self._progress(replace(stages[0], name=TRIAL), position))
        torch.set_rng_state(random_state)
        position = self._at(position)
        plan = plan_training(stages, timings, budget, position.elapsed_seconds)
        expected = position.elapsed_seconds + sum(stage.seconds for stage in plan)
        return self._process_group.broadcast_value(
            replace(position, plan=plan, expected_seconds=expected)
        )

    def _save_between_stages(self, position: Position) -> None:
        if self._checkpoints and self._process_group.is_leader:
            self._checkpoints.save(position, module_tensors(self.model))

    def _save_if_due(self) -> bool:
        """Write a checkpoint where the last one is old enough, or the run so young."""
        age = self._saved_at - self._resumed_at
        if time.monotonic() - self._saved_at < seconds_between(age, self._interval_seconds):
            return False
        return self.save() is not None

    def _at(self, position: Position, **changes: Any) -> Position:
        elapsed = time.monotonic() - self._began
        return replace(position, elapsed_seconds=elapsed, **changes)

    def _progress(
        self,
        stage: Stage,
        position: Position,
        losses: Losses | None = None,
        *,
        checkpointed: bool = False,
    ) -> Progress:
        return Progress(
            stage=stage.name,
            images_seen=position.images_seen,
            total_images=total_images(position.plan, self.budget, self.images),
            fraction=fraction_done(position, self.budget, self.model.stages()),
            losses=losses or {},
            can_sample=stage.can_sample and losses is not None,
            plan=position.plan,
            expected_seconds=position.expected_seconds,
            checkpointed=checkpointed,
        )


def _averaged_loss(losses: Losses, steps: StageState) -> float:
    """Read the loss of the phase that moves what is averaged; that of any where none does."""
    phase = averaged_phase(steps)
    name = f"{phase.name}_loss" if phase else ""
    return float(losses.get(name, next(iter(losses.values()))))


def _each(work: Generator[None, None, T], progress: Progress) -> Generator[Progress, None, T]:
    """Yield the same progress for every step of some work; returns what the work returns."""
    while True:
        try:
            next(work)
        except StopIteration as ended:
            result: T = ended.value
            return result
        yield progress


def _check_finite(tensors: Mapping[str, Tensor], stage: Stage) -> None:
    for name, value in tensors.items():
        if not torch.isfinite(value).all():
            raise TrainingDiverged(
                f"In stage {stage.name!r} the {name!r} is no longer finite: the updates were too "
                "large. Halve the learning rate of that stage, or return to the preset."
            )
