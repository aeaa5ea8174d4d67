"""Fits a stage that runs to the time left for it, as its updates turn out faster or slower."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from models.family import Family
from models.training.checkpoints import Position
from models.training.distributed import ProcessGroup
from models.training.plan import Budget, StageSchedule, stage_deadline

FRACTION_BETWEEN_RESCALES = 0.05


class ScheduleFitter:
    """Fits the schedules of a training's stages.

    A budget in images keeps to its plan, so that the clock has no part in the weights.

    Args:
        model: Whose stages run.
        budget: How long they may.
        process_group: The processes that train together; they keep to the leader's clock.
    """

    def __init__(
        self, model: Family[Any, Any], budget: Budget, process_group: ProcessGroup
    ) -> None:
        self._model = model
        self._budget = budget
        self._process_group = process_group
        self._rescaled_at = 0.0

    def start(self, index: int, position: Position) -> Position:
        """Begin to time a stage that was just prepared, anew or after a resume."""
        if self._budget.seconds is None or not position.plan[index].updates:
            return position
        position = self._process_group.broadcast_value(position)
        planned, schedule = position.plan[index], position.schedule
        if schedule.deadline is not None:
            fraction = schedule.fraction_at(position.update, planned.updates)
            schedule = replace(schedule, update=position.update, fraction=fraction)
            self._rescaled_at = position.elapsed_seconds
            return replace(position, schedule=schedule)
        deadline = stage_deadline(
            self._model.stages(),
            position.plan,
            index,
            self._budget.seconds,
            position.elapsed_seconds,
        )
        position = replace(position, schedule=StageSchedule(deadline=deadline))
        return self._rescale(index, position, planned.timing.seconds_per_update)

    def with_threads(self, index: int, position: Position, num_threads: int | None) -> Position:
        """Note how many threads a stage goes on with, for a resume."""
        planned = position.plan[index]
        if num_threads == planned.timing.num_threads:
            return position
        timing = replace(planned.timing, num_threads=num_threads)
        return position.with_planned(index, replace(planned, timing=timing))

    def refit(self, index: int, position: Position) -> Position:
        """Fit a stage to the pace of its last stretch, now and then."""
        planned, schedule = position.plan[index], position.schedule
        if schedule.deadline is None or position.update >= planned.updates:
            return position
        fraction = schedule.fraction_at(position.update, planned.updates)
        if fraction - schedule.fraction < FRACTION_BETWEEN_RESCALES:
            return position
        took = position.elapsed_seconds - self._rescaled_at
        return self._rescale(index, position, took / (position.update - schedule.update))

    def _rescale(self, index: int, position: Position, seconds_per_update: float) -> Position:
        schedule, planned = position.schedule.rescaled(
            position.plan[index],
            position.update,
            position.elapsed_seconds,
            seconds_per_update,
            most_updates=self._budget.most_updates(self._model.stages()[index]),
        )
        self._rescaled_at = position.elapsed_seconds
        fitted = replace(position, schedule=schedule).with_planned(index, planned)
        return self._process_group.broadcast_value(fitted)
