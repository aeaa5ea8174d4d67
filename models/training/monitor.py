"""Does a model memorise its images while it trains?

Scores of the included patients of the audit pool are compared with those of the holdout. Inclusion
is random, so the two score alike until the model memorises the included ones.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator
from typing import Any

import torch
from torch import Tensor

from models.family import Family

THRESHOLD = 2.33  # standard errors: one honest model in a hundred
MAX_SHARE = 0.02  # of the training's time
FRACTION_BETWEEN_LOOKS = 0.05
IMAGES_AT_ONCE = 8
PROBED = 4  # images, to find out what a look costs


def standard_errors(members: Tensor, others: Tensor) -> float:
    """Say how far members score above others, in standard errors of the difference of the means.

    Args:
        members: Scores of images that were trained on, (n,), n > 1.
        others: Of images that were not, (m,), m > 1.

    Reference: Welch 1947, equation 3 (doi:10.1093/biomet/34.1-2.28).
    """
    difference = members.double().mean() - others.double().mean()
    variance = members.double().var() / len(members) + others.double().var() / len(others)
    return float(difference / variance.clamp_min(1e-12).sqrt())


class MembershipMonitor:
    """Looks into a training now and then, for at most a fiftieth of its time.

    It draws nothing, changes nothing and decides nothing, so the model is the same with it.

    Args:
        members: Images of included patients, (n, 1, h, w), in [-1, 1].
        member_labels: (n,).
        others: Images of holdout patients, (m, 1, h, w).
        other_labels: (m,).
        max_share: Of the time.
        clock: Gives the time in seconds, from anywhere.
    """

    def __init__(
        self,
        members: Tensor,
        member_labels: Tensor,
        others: Tensor,
        other_labels: Tensor,
        *,
        max_share: float = MAX_SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._images = torch.cat([members, others])
        self._labels = torch.cat([member_labels, other_labels])
        self._num_members = len(members)
        self._max_share = max_share
        self._clock = clock
        self._began = clock()
        self._spent = 0.0
        self._price: float | None = None  # of a look, in seconds
        self._looked_at = 0.0

    def due(self, fraction: float) -> bool:
        """Say whether another look can be afforded.

        Args:
            fraction: How much of the training is done.
        """
        if fraction - self._looked_at < FRACTION_BETWEEN_LOOKS:
            return False
        affordable = self._max_share * (self._clock() - self._began)
        return self._spent + (self._price or 0) <= affordable

    def measure(
        self, model: Family[Any, Any], fraction: float
    ) -> Generator[None, None, float | None]:
        """Find by how many standard errors the model scores what it was trained on higher.

        A generator, which pauses between images so that its caller can stop.

        Args:
            model: With its averaged weights, in evaluation mode.
            fraction: How much of the training is done.

        Returns:
            None the first time, which is to find out what a look costs, and where the model has no
            score of its own.
        """
        began = self._clock()
        if self._price is None:
            known = yield from self._scores(model, PROBED)
            took = self._clock() - began
            self._price = took * len(self._labels) / PROBED if known else math.inf
            self._spent += took
            return None
        scores = torch.cat((yield from self._scores(model, len(self._labels))))
        self._price = self._clock() - began
        self._spent += self._price
        self._looked_at = fraction
        return standard_errors(scores[: self._num_members], scores[self._num_members :])

    def _scores(
        self, model: Family[Any, Any], num_images: int
    ) -> Generator[None, None, list[Tensor]]:
        """Score the first images, some at a time; nothing where the model has no score."""
        scores = []
        for some in torch.split(torch.arange(num_images), IMAGES_AT_ONCE):
            yield
            found = model.membership_score(self._images[some], self._labels[some])
            if found is not None:
                scores.append(found.cpu())
        return scores
