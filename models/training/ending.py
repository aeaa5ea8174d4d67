"""Where a training stopped, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from models.family import Stage
from models.training.memorisation_check import STOP_ABOVE, Comparison
from models.training.plan import Budget, Plan

Reason = Literal["budget", "memorisation_expected", "memorisation_found"]


@dataclass(frozen=True)
class Ending:
    """Where a training stopped, and why.

    Attributes:
        reason: Its budget was spent; it had seen as many images as it may before it is expected to
            memorise them; or a check found that it had begun to.
        text: The same in a sentence.
        memorisation_images: After how many images memorisation is expected; None where that sets
            no bound.
        standard_errors: Of each check but the first: by how many members scored above training
            patients that were set aside.
    """

    reason: Reason
    text: str
    memorisation_images: int | None = None
    standard_errors: tuple[float, ...] = ()

    @classmethod
    def of(
        cls, stages: Sequence[Stage], plan: Plan, budget: Budget, comparison: Comparison
    ) -> Self:
        """Describe a training that has ended.

        Args:
            stages: Those of the family.
            plan: As it was carried out.
            budget: As it was given.
            comparison: What the checks found.
        """
        seen = sum(stage.images for stage in plan)
        reason: Reason = "budget"
        if comparison.memorises:
            reason = "memorisation_found"
            text = (
                f"Stopped before the end of its budget, {seen:,} images seen in all: the training "
                f"images score "
                f"{comparison.standard_errors[-1]:.1f} standard errors above those of training "
                f"patients set aside; {STOP_ABOVE} or less are expected of a model that has "
                "memorised nothing."
            )
        elif budget.most_images is not None and _is_bound(stages, plan, budget):
            reason = "memorisation_expected"
            beside = (
                f", beside {budget.earlier_images:,} that what it started from has seen of them,"
                if budget.earlier_images
                else ""
            )
            text = (
                f"Stopped after {seen:,} images: with more than about {budget.most_images:,}"
                f"{beside} a model of so few training images is expected to memorise them."
            )
        else:
            text = f"The budget was spent after {seen:,} images."
        return cls(reason, text, budget.most_images, comparison.standard_errors)


def _is_bound(stages: Sequence[Stage], plan: Plan, budget: Budget) -> bool:
    """Say whether the bound, and not the budget, ended any stage."""
    assert budget.most_images is not None
    if budget.images is not None:
        return budget.most_images < budget.images
    return any(
        planned.updates >= budget.most_updates(stage)
        for stage, planned in zip(stages, plan, strict=True)
        if stage.phases
    )
