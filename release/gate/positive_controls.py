"""Positive controls: near-duplicates of training images that the gate is tried on.

A gate that finds nothing is believed only where it finds these. A kind that is found as often as
policy asks is claimed; any other is named in the report as not looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from release.data import Pixels
from release.gate.policy import Policy
from release.stats.estimate import Estimate
from release.stats.intervals import share

NUM_CONTROLS = (8, 100)  # of each kind, at least and at most
IMAGES_PER_CONTROL = 10  # training images for one that is changed


@dataclass(frozen=True, eq=False)
class PositiveControl:
    """Near-duplicates of training images, made in one way.

    Attributes:
        name: How they were made.
        pixels: (n, size, size), at least one.
        required: Whether a gate that misses them decides nothing.
    """

    name: str
    pixels: Pixels
    required: bool


@dataclass(frozen=True)
class ControlResult:
    """How many near-duplicates of one kind were found."""

    name: str
    planted: int
    found: int
    required: bool

    @property
    def recall(self) -> Estimate:
        """Share that was found, with its interval."""
        return share(self.found, self.planted)

    def claimed(self, policy: Policy) -> bool:
        """Whether copies of this kind are claimed to be found."""
        return self.planted > 0 and self.found >= policy.min_control_recall * self.planted


def least_recall(results: Sequence[ControlResult], policy: Policy) -> float:
    """Return the least recall of a kind that is claimed, by its interval's end; 0 if there is none.

    The recall of some kind is chosen after it was measured; its lower end allows for that.
    """
    claimed = [result.recall.low for result in results if result.claimed(policy)]
    return min(claimed, default=0.0)
