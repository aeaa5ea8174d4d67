"""How far a training is: what its loop yields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.family import Losses, Stage
from models.training.checkpoints import Position
from models.training.plan import Budget, Plan
from models.training_images import TrainingImages


@dataclass(frozen=True)
class Progress:
    """What a training has done so far.

    Attributes:
        stage: Name of the stage under way, behind `preparing` before its first update; or `trial`.
        images_seen: Training images seen over all stages, counted with repetition.
        total_images: Images the whole training will see; a budget in seconds is refitted on the
            way, and 0 until its trial has been made.
        fraction: Part of the whole time done, in [0, 1].
        losses: The newest value of each term, by name; empty between updates.
        can_sample: Whether samples drawn now show anything.
        plan: What each stage does; empty until the trial has been made.
        expected_seconds: How long the whole training was to take before it began, by the trial.
        checkpointed: A checkpoint has just been written.
    """

    stage: str
    images_seen: int
    total_images: int
    fraction: float
    losses: Losses
    can_sample: bool
    plan: Plan = ()
    expected_seconds: float | None = None
    checkpointed: bool = False


def total_images(plan: Plan, budget: Budget, images: TrainingImages) -> int:
    """Count the images that will be seen; a stage fitted in closed form sees each once."""
    if not plan:
        bounds = (budget.images, budget.most_images)
        return 0 if budget.images is None else min(each for each in bounds if each)
    num_fitted = sum(not stage.updates for stage in plan)
    return sum(stage.images for stage in plan) + num_fitted * about_all(images)


def about_all(images: TrainingImages) -> int:
    """Round the number of training images to tens: the exact one is not for everybody."""
    return max(1, round(len(images), -1))


def fraction_done(position: Position, budget: Budget, stages: Sequence[Stage]) -> float:
    """Part of the whole training that is done, by the time its stages are to take."""
    if not position.plan:
        return 0.0
    if budget.seconds is None:
        weights = [stage.seconds for stage in position.plan]
    else:
        weights = [stage.share for stage in stages]
    done = sum(weights[: position.stage])
    if position.stage < len(position.plan):
        updates = position.plan[position.stage].updates
        fraction = position.schedule.fraction_at(position.update, updates)
        done += weights[position.stage] * fraction
    return min(1.0, done / sum(weights))
