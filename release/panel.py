"""All metrics together: what they see of films, and whether they are fit to be asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.examination import Histograms
from release.films import Pixels
from release.look import Look
from release.memory import Memory
from release.metrics.metric import Metric
from release.policy import Policy
from release.privacy.copies import flagged
from release.privacy.crowd import Crowd
from release.privacy.density import Array
from release.privacy.density_attack import Candidates, density_scores, features
from release.privacy.exposure import exposed
from release.privacy.membership import Scores
from release.privacy.sight import Sight
from release.reference import Reference


class Panel:
    """The metrics of a gate, each with the real films as it sees them.

    Nothing is learned of the real films before the first film is looked at.

    Args:
        crowd: The real films.
        metrics: Which compare films.
        policy: How many neighbours they look at, and what they flag.
        memory: Keeps what is the same for every set.
    """

    def __init__(
        self, crowd: Crowd, metrics: Sequence[Metric], policy: Policy, memory: Memory
    ) -> None:
        self._crowd, self._metrics, self._policy, self._memory = crowd, metrics, policy, memory

    def look(self, pixels: Pixels) -> Look:
        """Look at films, one by one, and at whom they lie around."""
        seen = {name: each.look(pixels) for name, each in self._references.items()}
        sights = {name: sight for name, (sight, _) in seen.items()}
        around = {name: near for name, (_, near) in seen.items()}
        return Look(sights, around, self._flags(sights), features(pixels))

    def flagged(self, pixels: Pixels) -> NDArray[np.bool_]:
        """Flag films that any metric takes for copies, (n,)."""
        sights = {name: each.sight(pixels) for name, each in self._references.items()}
        return np.asarray(self._flags(sights).any(0))

    def kept(self, seen: Look) -> tuple[NDArray[np.bool_], int]:
        """Drop flagged films (G1) and those around exposed patients (G4), and count these."""
        kept = ~seen.flagged
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
        """See the films that were kept; anew where too many were dropped around a witness."""
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
        """Set the densities of films beside those of the held-out ones, by metric."""
        return {
            name: (sight.density, self._references[name].held_out.density)
            for name, sight in sights.items()
        }

    def histograms(self, sights: Mapping[str, Sight]) -> Histograms:
        """Count held-out films and others by their closeness, by the first metric."""
        first = self._metrics[0].name
        return Histograms.of(self._references[first].held_out.closeness, sights[first].closeness)

    @property
    def densities_of_real(self) -> dict[str, Array]:
        """Of all real films around the witnesses, by metric."""
        return {name: each.density_of_real for name, each in self._references.items()}

    @cached_property
    def halves_pass(self) -> bool:
        """Whether half of H passes against the other half, by every metric."""
        p_values = [p for each in self._references.values() for p in each.halves_differ()]
        return len(self._metrics) * min(p_values) >= self._policy.alpha / 3

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

    def _flags(self, sights: Mapping[str, Sight]) -> NDArray[np.bool_]:
        """Flag copies by each metric, (metrics, n)."""
        share = self._policy.flag_share
        return np.stack(
            [
                flagged(sight.closeness, self._references[name].held_out.closeness, share)
                for name, sight in sights.items()
            ]
        )
