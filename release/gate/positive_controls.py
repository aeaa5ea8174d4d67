"""G7: would the gate have found copies, had there been any, and does it find none where none are?

Positive controls, near-duplicates of training images, are planted and must be flagged. A kind that
is found as often as policy asks is claimed; any other is named as not looked for, and refuses
nothing unless the gate must find it. The held-out images, examined as if they were a set, must
pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from release.data import Pixels
from release.gate.policy import Policy
from release.gate.verdict import Finding
from release.stats.intervals import Estimate, share


@dataclass(frozen=True, eq=False)
class Planted:
    """Near duplicates of training images, made in one way.

    Attributes:
        name: How they were made.
        pixels: (n, size, size), at least one.
        required: Whether a gate that misses them decides nothing.
    """

    name: str
    pixels: Pixels
    required: bool


@dataclass(frozen=True)
class Control:
    """How many of some planted near duplicates were found."""

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

    def described(self) -> dict[str, object]:
        """Return JSON values."""
        return {
            "name": self.name,
            "planted": self.planted,
            "found": self.found,
            "recall": self.recall.described(),
            "required": self.required,
        }


def controls(results: Sequence[Control], negative_passed: bool, policy: Policy) -> Finding:
    """Judge whether the gate sees what it must, and nothing where nothing is.

    Args:
        results: Of everything that was planted; without any required one the gate has shown
            nothing.
        negative_passed: Whether half of the held-out images passed against the other half.
        policy: Says which share must be found.
    """
    required = [result for result in results if result.required]
    missed = [result.name for result in required if not result.claimed(policy)]
    found_all = bool(required) and not missed
    decided = found_all and negative_passed
    sentences = []
    if not required:
        sentences.append("No near duplicates were planted that the gate must find.")
    elif missed:
        sentences.append(f"Too few planted near duplicates were found: {', '.join(missed)}.")
    else:
        sentences.append("The planted near duplicates were found.")
    if not negative_passed:
        sentences.append("Held-out images were taken for copies.")
    worst = min((result.found / max(1, result.planted) for result in required), default=0.0)
    return Finding(
        id="G7",
        name="controls",
        decision="passed" if decided else "inconclusive",
        code=None if decided else "no_power",
        statistic=round(worst, 3),
        threshold=policy.min_control_recall,
        p_value=None,
        text=" ".join(sentences),
        public={"negative_control_passed": negative_passed},
    )


def least_recall(results: Sequence[Control], policy: Policy) -> float:
    """Return the least recall of a kind that is claimed, by its interval's end; 0 if there is none.

    The recall of some kind is chosen after it was measured; its lower end allows for that.
    """
    claimed = [result.recall.low for result in results if result.claimed(policy)]
    return min(claimed, default=0.0)
