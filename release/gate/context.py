"""What a check is given, and what makes a check.

To add a check, write a file in `release/gate/checks/` and add its `CHECK` to the list there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from release.data import Array, Pixels, Splits
from release.fidelity.validity import Validity
from release.gate.attack_scores import NUM_ATTACKS
from release.gate.copy_counts import CopyCounts
from release.gate.density_attack import NUM_ATTACKS as NUM_DENSITY_ATTACKS
from release.gate.filtering import kept_images
from release.gate.finding import Finding, Reason
from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult, least_recall
from release.gate.power import power_of
from release.gate.public_result import Power
from release.gate.real_index import RealIndex
from release.gate.set_neighbours import SetNeighbours
from release.gate.verdict import Decision
from release.similarity.knn import InvalidDistances
from release.stats.roc import Roc

MIN_HOLDOUT = 4  # patients: two in each half of the negative control

Tally = Mapping[str, Any]  # JSON values; private


class PrivacyClaim(NamedTuple):
    """Differential privacy that a model claims, with the patient as its unit."""

    epsilon: float
    delta: float


@dataclass(frozen=True, eq=False)
class Candidate:
    """A set before the gate: all images that were generated, flagged ones included.

    Attributes:
        pixels: (n, size, size), of all rounds.
        weights: (n, classes), how much of each class the images show; rows add up to 1, or to 0
            where nothing is known of an image.
        validity: KID and label agreement of the images that were not flagged.
        neighbours: The images compared with the real ones, where that was done already.
        offered: Places of the images that would be released; -1 where there is none for an image
            asked for. All images where None.
        claim: Differential privacy that the model claims. None of its images is dropped, since
            which ones are depends on patients outside of what was promised: such a set is released
            whole or not at all.
        learned_elsewhere: Whether the model also learned from images that are not at hand: public
            ones, through the models that it started from.
    """

    pixels: Pixels
    weights: NDArray[np.float64]
    validity: Validity
    neighbours: SetNeighbours | None = None
    offered: NDArray[np.int64] | None = None
    claim: PrivacyClaim | None = None
    learned_elsewhere: bool = False

    def __post_init__(self) -> None:
        if not len(self.pixels) == len(self.weights) > 0:
            raise ValueError(
                f"{len(self.pixels)} images and class weights of {len(self.weights)}: expected "
                "weights for each image, and at least one image."
            )
        if self.neighbours is not None and len(self.neighbours) != len(self.pixels):
            raise ValueError(
                f"Neighbours of {len(self.neighbours)} images, and {len(self.pixels)} images: "
                "expected the neighbours of each image."
            )

    def num_left(self, kept: NDArray[np.bool_]) -> int:
        """Count the images that would be released."""
        if self.offered is None:
            return int(kept.sum())
        return int(kept[self.offered[self.offered >= 0]].sum())


@dataclass(frozen=True, eq=False)
class History:
    """The earlier sets that count in the evaluation of the next one.

    Attributes:
        released: The images of all earlier releases of datasets that share patients with this one,
            of any model, compared with the real images; None where there are none.
        tallies: What was counted of earlier evaluations: of all of the same model, and of those
            releases.
        attempt_number: Which of its model's sets this is, from 1.
    """

    released: SetNeighbours | None = None
    tallies: Sequence[Tally] = ()
    attempt_number: int = 1

    @property
    def counted(self) -> list[Tally]:
        """The tallies of the sets of which anything could be counted."""
        return [tally for tally in self.tallies if tally]


class GateStage(IntEnum):
    """How far a set can be evaluated; a check runs where the set reaches the check's stage."""

    INVALID_DISTANCES = 0
    HOLDOUT_TOO_SMALL = 1
    NOTHING_KEPT = 2
    COMPLETE = 3


# why the checks of a later stage are not run
STOPPED: Mapping[GateStage, str] = {
    GateStage.INVALID_DISTANCES: "Not run: a metric gave invalid distances.",
    GateStage.HOLDOUT_TOO_SMALL: "Not run: too few patients are held out to compare images with.",
    GateStage.NOTHING_KEPT: "Not run: every image was dropped.",
}


@dataclass(frozen=True, eq=False)
class Context:
    """All that checks may use: each part is computed once, when the first check asks for it.

    Attributes:
        policy: What is demanded.
        splits: The real images.
        index: The same, indexed.
        candidate: The set.
        controls: How many positive controls were found.
        history: Earlier sets.
        error: What a metric did wrong, where it did.
    """

    policy: Policy
    splits: Splits
    index: RealIndex
    candidate: Candidate
    controls: Sequence[ControlResult]
    history: History
    error: InvalidDistances | None = None

    @cached_property
    def stage(self) -> GateStage:
        """How far the set can be evaluated."""
        if self.error:
            return GateStage.INVALID_DISTANCES
        if len(self.index.images.holdout_patients) < MIN_HOLDOUT:
            return GateStage.HOLDOUT_TOO_SMALL
        return GateStage.COMPLETE if self._filtered[0].any() else GateStage.NOTHING_KEPT

    @cached_property
    def neighbours(self) -> SetNeighbours:
        """All images of the set, compared with the real ones."""
        return self.candidate.neighbours or self.index.compare(self.candidate.pixels)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(n,), the images that are not dropped."""
        if self.stage < GateStage.NOTHING_KEPT:
            return np.ones(len(self.candidate.pixels), np.bool_)
        return self._filtered[0]

    @property
    def num_over_represented(self) -> int:
        """Patients around whom images were dropped."""
        return self._filtered[1]

    @cached_property
    def _filtered(self) -> tuple[NDArray[np.bool_], int]:
        if self.candidate.claim:
            return np.ones(len(self.candidate.pixels), np.bool_), 0
        return kept_images(self.neighbours, self.index.images, self.policy.exposure_alpha)

    @cached_property
    def left(self) -> SetNeighbours:
        """The kept images; compared anew where too many were dropped around a representative."""
        left = self.neighbours.where(np.flatnonzero(self.kept))
        return left if left.is_complete else self.index.compare(self.candidate.pixels[self.kept])

    @cached_property
    def with_earlier(self) -> SetNeighbours | None:
        """The kept images and all earlier releases, as if they were one set; None where none is."""
        released = self.history.released
        return SetNeighbours.concatenated([released, self.left]) if released else None

    @cached_property
    def scores(self) -> dict[str, Array]:
        """By attack, (patients,): what it makes of each representative, given the kept images."""
        return self.index.attack_scores(self.left)

    @cached_property
    def counts(self) -> CopyCounts:
        """How many images lie near to training images."""
        return CopyCounts.of(
            self.neighbours.closeness, self.candidate.weights, self.index.calibration
        )

    @property
    def num_sets(self) -> int:
        """How many sets share a level: the set, and it together with earlier releases."""
        return 2 if self.history.released else 1

    @cached_property
    def power(self) -> Power:
        """What the checks are sure to detect."""
        counted = self.stage >= GateStage.NOTHING_KEPT
        return power_of(
            self.splits,
            self.policy,
            len(self.index.metrics) * NUM_ATTACKS + NUM_DENSITY_ATTACKS,
            self.counts if counted else None,
            least_recall(self.controls, self.policy),
            self.num_sets if counted else 1,
        )


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A null hypothesis, and how it is judged.

    Attributes:
        id: MDCR, power or G0 to G9; several of one kind share an id.
        name: In a word or two.
        null: The null hypothesis, in one sentence.
        statistic: What is computed.
        decision: How it is judged, and what follows.
        reasons: Why a set is refused or left open.
    """

    id: str
    name: str
    null: str
    statistic: str
    decision: str
    reasons: tuple[Reason, ...] = ()

    def finding(
        self,
        decision: Decision,
        text: str,
        *,
        reason: Reason | None = None,
        statistic: float | None = None,
        threshold: float | None = None,
        p_value: float | None = None,
        public: Mapping[str, Any] | None = None,
        private: Mapping[str, Any] | None = None,
        roc: Roc | None = None,
    ) -> Finding:
        """Say what was found, as `Finding`; the reason is the first one unless another is given."""
        undecided = decision in ("refused", "inconclusive")
        return Finding(
            self.id,
            self.name,
            decision,
            text,
            (reason or self.reasons[0]) if undecided else None,
            statistic,
            threshold,
            p_value,
            public or {},
            private or {},
            roc,
        )


@dataclass(frozen=True, kw_only=True)
class Check(Hypothesis):
    """A hypothesis that is tested of every set.

    Attributes:
        run: Judges; None where there is nothing to judge.
        stage: How far a set must be evaluated for the check to run.
        absent: Why there can be nothing to judge; None where that says nothing of a set.
    """

    run: Callable[[Context], Finding | None]
    stage: GateStage = GateStage.COMPLETE
    absent: str | None = None
