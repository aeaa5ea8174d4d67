"""Has a training begun to memorise? Training patients that it leaves out say so, and end it.

They are set aside from the training side, so what is held out for the audit and for the gate has no
part in the decision. Members and patients set aside are scored early, when nothing can be memorised
yet, and again at each tenth of the stage. What the early score says of an image, how easy it is, is
taken off by a line; what is left differs between the two sides only by what was memorised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from models.family import Family
from models.training.monitor import standard_errors

NUM_CHECKS = 10  # of a stage that can sample, the last at its end, where none is made
STOP_ABOVE = 2.33  # standard errors
IMAGES_AT_ONCE = 8


@dataclass(frozen=True)
class Comparison:
    """What the checks of one training have found so far.

    Attributes:
        num_checks: Checks made.
        early: Scores of the first check, (n,); empty before.
        standard_errors: By how many members score above patients set aside, in each later check.
    """

    num_checks: int = 0
    early: tuple[float, ...] = ()
    standard_errors: tuple[float, ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Comparison:
        """Read what `asdict` wrote, and JSON turned into lists.

        Raises:
            KeyError, TypeError: A field is missing or unknown.
        """
        early, found = fields["early"], fields["standard_errors"]
        return cls(fields["num_checks"], tuple(early), tuple(found))

    @property
    def memorises(self) -> bool:
        """Whether the newest check says that the training is to end."""
        return bool(self.standard_errors) and self.standard_errors[-1] > STOP_ABOVE

    def is_due(self, fraction: float) -> bool:
        """Say whether a check is to be made where so much of the stage is done."""
        return self.num_checks < int(NUM_CHECKS * fraction + 1e-9)

    def with_scores(self, scores: Tensor | None, num_members: int, fraction: float) -> Comparison:
        """Add a check.

        Args:
            scores: Of members and then of patients set aside, (n,), higher where better known;
                None where the model has no score of its own.
            num_members: How many of them are members.
            fraction: How much of the stage is done.
        """
        num_checks = int(NUM_CHECKS * fraction + 1e-9)
        if scores is None:
            return Comparison(num_checks)
        if not self.early:
            return Comparison(num_checks, tuple(scores.double().tolist()))
        left = _residuals(scores.double(), torch.tensor(self.early, dtype=torch.float64))
        found = standard_errors(left[:num_members], left[num_members:])
        return Comparison(num_checks, self.early, (*self.standard_errors, found))


class MemorisationCheck:
    """Scores members and patients set aside.

    Args:
        images: Of members and then of patients set aside, one each, (n, 1, h, w), in [-1, 1].
        labels: (n,).
        num_members: How many of them are members.
    """

    def __init__(self, images: Tensor, labels: Tensor, num_members: int) -> None:
        self._images = images
        self._labels = labels
        self.num_members = num_members

    def parts(self) -> Sequence[Tensor]:
        """Divide the places of the images into what is scored at once."""
        return torch.split(torch.arange(len(self._labels)), IMAGES_AT_ONCE)

    def scores(self, model: Family[Any, Any], some: Tensor) -> Tensor | None:
        """Score some images by their places, (b,); None where the model has no score of its own.

        Args:
            model: With its averaged weights, in evaluation mode.
            some: Places, (b,).
        """
        found = model.membership_score(self._images[some], self._labels[some])
        return None if found is None else found.cpu()


def _residuals(scores: Tensor, early: Tensor) -> Tensor:
    """Take off what a line through the early scores says of the present ones, (n,)."""
    about = early - early.mean()
    slope = (about @ scores) / (about @ about).clamp_min(1e-12)
    return scores - scores.mean() - slope * about
