"""Which kinds of copies the gate looks for, by its positive controls.

A kind of which the gate found enough controls is looked for. The claim about copies holds for these
kinds, and for no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from release.gate.public_result import PublishedControl
from release.stats.estimate import Estimate

NOT_PLANTED = (
    "copies of text, markers or texture alone at full resolution (compared are 64 x 64 pixels)",
    "a third or less of a training image, its heart or its upper lungs, in another image",
    "mixtures of three or more images, and of two in nearly equal parts",
    "bending and perspective, turns by more than 12 degrees, upside down, halves changed over",
    "several strong changes at once, edges alone, and few grey levels",
    "any kind of change that is not named here, and a named one that goes further than planted",
)


@dataclass(frozen=True)
class FoundAlike:
    """Kinds of copies of which as many were found.

    Attributes:
        names: The kinds, in the order in which they were planted.
        planted: Of each kind.
        found: Of each kind.
        recall: Of each kind.
    """

    names: tuple[str, ...]
    planted: int
    found: int
    recall: Estimate


def looked_for(controls: Sequence[PublishedControl]) -> list[FoundAlike]:
    """Return the kinds that are claimed to be found, those found best first."""
    return _together(control for control in controls if control.claimed)


def not_looked_for(controls: Sequence[PublishedControl]) -> list[FoundAlike]:
    """Return the kinds that were planted and are not claimed, those found best first."""
    return _together(control for control in controls if not control.claimed)


def by_recall(controls: Iterable[PublishedControl]) -> list[PublishedControl]:
    """Order controls by the share that was found, the largest first."""
    return sorted(controls, key=lambda each: (-share_found(each), -each.planted))


def share_found(control: PublishedControl) -> float:
    """Return the share of a control that was found; 0 where nothing was planted."""
    return control.found / control.planted if control.planted else 0.0


def _together(controls: Iterable[PublishedControl]) -> list[FoundAlike]:
    lots = groupby(by_recall(controls), key=lambda each: (each.planted, each.found, each.recall))
    return [
        FoundAlike(tuple(control.name for control in lot), planted, found, recall)
        for (planted, found, recall), lot in lots
    ]
