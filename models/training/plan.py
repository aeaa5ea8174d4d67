"""How many updates each stage makes, and how long that will take."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.family import Stage


@dataclass(frozen=True)
class Budget:
    """Exactly one of images and seconds.

    Attributes:
        images: Training images to see, counted with repetition.
        seconds: Wall-clock time to spend; turned into updates by a short measured trial before
            each stage, so that schedules end where the time does.
        most_images: After so many images it ends in any case; None sets no such bound. Schedules
            end there too.
        earlier_images: As many of the same images the models that it starts from have seen.
    """

    images: int | None = None
    seconds: float | None = None
    most_images: int | None = None
    earlier_images: int = 0

    def __post_init__(self) -> None:
        if (self.images is None) == (self.seconds is None):
            raise ValueError("A budget is either in images or in seconds.")

    def most_updates(self, stage: Stage) -> int:
        """Count the updates that a stage makes at most."""
        bounds = [each for each in (self.images, self.most_images) if each is not None]
        return updates_for_images(stage, min(bounds)) if bounds else sys.maxsize


@dataclass(frozen=True)
class StageTiming:
    """How fast a stage goes.

    Attributes:
        seconds_per_update: Time one update takes, all phases together.
        prepare_seconds: Time still needed before the first update.
        conclude_seconds: Time needed after the last one.
        num_threads: Threads of an operation that make it so; None where none were chosen.
    """

    seconds_per_update: float
    prepare_seconds: float
    conclude_seconds: float
    num_threads: int | None = None


@dataclass(frozen=True)
class StagePlan:
    """What a stage will do.

    Attributes:
        name: The stage's.
        batch_size: Images in a batch.
        updates: How many it makes.
        timing: As the trial measured it, or since then the training itself.
    """

    name: str
    batch_size: int
    updates: int
    timing: StageTiming

    @property
    def images(self) -> int:
        """Training images seen, counted with repetition."""
        return self.updates * self.batch_size

    @property
    def images_per_second(self) -> float:
        """Training images a second while it makes updates; 0 where it makes none."""
        if not self.updates:
            return 0.0
        return self.batch_size / self.timing.seconds_per_update

    @property
    def seconds(self) -> float:
        """Time from the preparation to the conclusion."""
        timing = self.timing
        updating = self.updates * timing.seconds_per_update
        return timing.prepare_seconds + updating + timing.conclude_seconds


Plan = tuple[StagePlan, ...]


def updates_for_images(stage: Stage, num_images: int) -> int:
    """Count the updates of a stage that sees its share of a budget in images."""
    return max(1, round(num_images * stage.share / stage.batch_size))


def plan_training(
    stages: Sequence[Stage], timings: Sequence[StageTiming], budget: Budget, elapsed_seconds: float
) -> Plan:
    """Fit a training to its budget.

    What the stages need besides updates is taken off a budget in seconds before it is shared out.

    Args:
        stages: Those of the family.
        timings: One for each stage.
        budget: In images or in seconds.
        elapsed_seconds: Time spent so far.
    """
    other = sum(timing.prepare_seconds + timing.conclude_seconds for timing in timings)
    plan = []
    for stage, timing in zip(stages, timings, strict=True):
        if not stage.phases:
            updates = 0
        else:
            updates = budget.most_updates(stage)
            if budget.seconds is not None:
                seconds = (budget.seconds - elapsed_seconds - other) * stage.share
                updates = min(updates, max(1, round(seconds / timing.seconds_per_update)))
        plan.append(StagePlan(stage.name, stage.batch_size, updates, timing))
    return tuple(plan)


def stage_deadline(
    stages: Sequence[Stage], plan: Plan, index: int, budget_seconds: float, elapsed_seconds: float
) -> float:
    """Say when the last update of a stage is due, its preparation being done.

    Args:
        stages: Those of the family.
        plan: One entry for each stage.
        index: The stage that is about to begin.
        budget_seconds: Time for the whole training.
        elapsed_seconds: Time spent so far.

    Returns:
        A time on the clock that `elapsed_seconds` is read from.
    """
    other = sum(each.timing.conclude_seconds for each in plan[index:])
    other += sum(each.timing.prepare_seconds for each in plan[index + 1 :])
    share = stages[index].share / sum(stage.share for stage in stages[index:])
    return elapsed_seconds + max(0.0, budget_seconds - elapsed_seconds - other) * share


@dataclass(frozen=True)
class StageSchedule:
    """The way from update to fraction of a stage, bent where its pace changed.

    The fraction, which schedules follow, rises from `fraction` at `update` to 1 at the last one:
    a stage that is found to have fewer updates left goes on from where it stands, but faster.

    Attributes:
        update: Where the schedule was last bent.
        fraction: How much of the stage was done there.
        deadline: When the last update is due, in elapsed seconds; None where updates are counted.
    """

    update: int = 0
    fraction: float = 0.0
    deadline: float | None = None

    def fraction_at(self, update: int, num_updates: int) -> float:
        """Say how much of the stage is done after so many updates, in [0, 1]."""
        left = (update - self.update) / max(1, num_updates - self.update)
        return self.fraction + (1 - self.fraction) * left

    def rescaled(
        self,
        planned: StagePlan,
        update: int,
        elapsed_seconds: float,
        seconds_per_update: float,
        *,
        most_updates: int = sys.maxsize,
    ) -> tuple[StageSchedule, StagePlan]:
        """Fit the rest of a stage to the time left.

        Args:
            planned: The plan so far.
            update: Updates done.
            elapsed_seconds: Time spent so far.
            seconds_per_update: The present timing.
            most_updates: What the stage makes in all, however much time is left.

        Returns:
            The schedule and the plan from here on.
        """
        assert self.deadline is not None
        left = max(1, round((self.deadline - elapsed_seconds) / seconds_per_update))
        timing = replace(planned.timing, seconds_per_update=seconds_per_update)
        fraction = self.fraction_at(update, planned.updates)
        return (
            replace(self, update=update, fraction=fraction),
            replace(planned, updates=min(update + left, most_updates), timing=timing),
        )
