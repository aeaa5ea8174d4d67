"""All metrics together: what they see of images, and whether they are fit to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.array_cache import Arrays, Memory
from release.data import Pixels, class_weights
from release.gate.calibration import Calibration, Closeness
from release.gate.checks.copy_count import Copies, certain_copies
from release.gate.checks.membership import Scores
from release.gate.checks.patient_exposure import exposed
from release.gate.density_attack import Candidates, density_scores, features
from release.gate.index import Reference
from release.gate.neighbours import Look
from release.gate.policy import Policy
from release.gate.real_images import Crowd
from release.gate.result import Histograms
from release.gate.sight import Sight
from release.similarity.closeness import closeness
from release.similarity.copy_search import Aligned, CopySearch
from release.similarity.knn import Array
from release.similarity.metric import Metric


class Panel:
    """The metrics of a gate, each with the real images as it sees them.

    Nothing is learned of the real images before the first image is looked at.

    Args:
        crowd: The real images.
        metrics: Which compare images.
        policy: How many neighbours they look at, and what they flag.
        memory: Keeps what is the same for every set.
        search: Finds changed copies among the crowd's images; None where only the metrics do.
    """

    def __init__(
        self,
        crowd: Crowd,
        metrics: Sequence[Metric],
        policy: Policy,
        memory: Memory,
        search: CopySearch | None = None,
    ) -> None:
        self._crowd, self._metrics, self._policy, self._memory = crowd, metrics, policy, memory
        self._search = search

    def look(self, pixels: Pixels) -> Look:
        """Look at images, one by one, and at whom they lie around."""
        seen = {name: each.look(pixels) for name, each in self._references.items()}
        sights = {name: sight for name, (sight, _) in seen.items()}
        found = self._closeness(pixels, sights)
        around = {name: near for name, (_, near) in seen.items()}
        return Look(sights, around, found, self.calibration.flagged(found), features(pixels))

    def closeness(self, pixels: Pixels) -> Closeness:
        """Find how near T is to images, by each detector."""
        sights = {name: each.sight(pixels) for name, each in self._references.items()}
        return self._closeness(pixels, sights)

    def kept(self, seen: Look) -> tuple[NDArray[np.bool_], int]:
        """Drop flagged images (G1) and those around exposed patients (G4), and count these."""
        kept = ~(seen.flagged | certain_copies(seen.closeness))
        crowd, alpha = self._crowd, self._policy.exposure_alpha / len(self._metrics)
        around = np.zeros_like(kept)
        named: set[int] = set()
        for sight in seen.sights.values():
            patients = exposed(
                sight.nearest_patient[kept], crowd.trained_patients, crowd.held_out_patients, alpha
            )
            around |= np.isin(sight.nearest_patient, patients)
            named |= set(patients.tolist())
        return kept & ~around, len(named)

    def left(self, seen: Look, pixels: Pixels, kept: NDArray[np.bool_]) -> Look:
        """See the images that were kept; anew where too many were dropped around a witness."""
        left = seen.where(np.flatnonzero(kept))
        return left if left.suffices else self.look(pixels[kept])

    def scores(self, look: Look) -> Scores:
        """Attack the witnesses by every metric, and by the density of the set."""
        nearest = {name: self._references[name].attack(near) for name, near in look.around.items()}
        return {**nearest, "density": density_scores(look.features, self._candidates)}

    def of_audited(self, scores: Scores) -> dict[str, Array]:
        """Keep, of the scores, those of the witnesses who had a coin."""
        return {
            f"{metric}/{attack}": values[self._crowd.audited]
            for metric, attacks in scores.items()
            for attack, values in attacks.items()
        }

    def densities(self, sights: Mapping[str, Sight]) -> dict[str, tuple[Array, Array]]:
        """Set the densities of images beside those of the held-out ones, by metric."""
        return {
            name: (sight.density, self._references[name].held_out.density)
            for name, sight in sights.items()
        }

    def histograms(self, sights: Mapping[str, Sight]) -> Histograms:
        """Count held-out images and others by their closeness, by the first metric."""
        first = self._metrics[0].name
        return Histograms.of(self._references[first].held_out.closeness, sights[first].closeness)

    @property
    def densities_of_real(self) -> dict[str, Array]:
        """Of all real images around the witnesses, by metric."""
        return {name: each.density_of_real for name, each in self._references.items()}

    @cached_property
    def halves_pass(self) -> bool:
        """Whether H passes as if it were a set: against T (G1), and half against half (G2)."""
        member, num_classes = self._crowd.member, int(self._crowd.labels.max()) + 1
        scans = [each.halves_differ() for each in self._references.values()]
        held_out = {name: values[~member] for name, values in self._closeness_of_real.items()}
        weights = class_weights(self._crowd.held_out_labels, num_classes)
        found = Copies.of(held_out, weights, self._calibration(member))
        p_value = 2 * min(len(scans) * min(scans), found.p_value)
        return p_value >= self._policy.alpha / 3

    @cached_property
    def calibration(self) -> Calibration:
        """How near real images of other patients are to T."""
        return self._calibration(np.ones(len(self._crowd.member), np.bool_))

    def _calibration(self, chosen: NDArray[np.bool_]) -> Calibration:
        found = {name: values[chosen] for name, values in self._closeness_of_real.items()}
        labels = self._crowd.labels[self._crowd.witnesses]
        return Calibration(found, labels[chosen], self._policy.copy_shares)

    @cached_property
    def _closeness_of_real(self) -> Closeness:
        by_metric = {name: each.closeness_of_real for name, each in self._references.items()}
        return {**by_metric, **self._changed_of_real()}

    def _changed_of_real(self) -> Closeness:
        search, crowd = self._search, self._crowd
        if search is None:
            return {}
        pixels, patients = crowd.pixels[crowd.witnesses], crowd.patients[crowd.witnesses]

        def found() -> Arrays:
            return search.aligned(pixels, patients)._asdict()

        name = f"changed copies {search.digest} {crowd.digest}"
        aligned = Aligned(**self._memory.recall(name, found))
        return closeness(aligned, crowd.patients, crowd.trained)

    def _closeness(self, pixels: Pixels, sights: Mapping[str, Sight]) -> Closeness:
        found = {name: sight.closeness for name, sight in sights.items()}
        if self._search:
            aligned = self._search.aligned(pixels)
            found |= closeness(aligned, self._crowd.patients, self._crowd.trained)
        return found

    @cached_property
    def _candidates(self) -> Candidates:
        rows = self._crowd.witnesses
        return Candidates(features(self._crowd.pixels[rows]), self._crowd.labels[rows])

    @cached_property
    def _references(self) -> dict[str, Reference]:
        return {
            each.name: Reference(self._crowd, each, self._policy, self._memory)
            for each in self._metrics
        }
