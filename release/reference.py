"""The real films as one metric sees them: what sets are held against.

It is found once per dataset version and metric and serves every set. T and H are treated alike:
one search goes through both, so that a metric that looks harder in a small crowd favours neither.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.films import Pixels
from release.metrics.metric import Embedded, Metric, Neighbours
from release.policy import Policy
from release.privacy.copies import flagged, p_value
from release.privacy.crowd import Crowd
from release.privacy.density import Array, checked, density, nearest_among, num_common
from release.privacy.scan import scan
from release.privacy.scores import NUM_NEIGHBOURS, attack_scores
from release.privacy.sight import Sight
from release.privacy.view import Surroundings, View

_HALVES_SEED = 0


class Reference:
    """T and H under one metric.

    Attributes:
        density_of_real: (patients,), of all real films around each witness.
        held_out: The witnesses of H, each seen among the real films but those of its patient.
    """

    def __init__(self, crowd: Crowd, metric: Metric, policy: Policy) -> None:
        self._crowd, self._metric, self._policy = crowd, metric, policy
        self._real = metric.embed(crowd.pixels)
        self._audit = self._real.where(~crowd.trained)
        k = policy.num_density_neighbours
        patients = crowd.patients
        seen = crowd.witnesses[~crowd.member]
        self._witnesses = self._real.where(crowd.witnesses)
        self._around = self._near(
            self._witnesses, self._real, k, (patients[crowd.witnesses], patients)
        )
        self._among_audit = self._near(
            self._real.where(seen), self._audit, k, (patients[seen], patients[~crowd.trained])
        )
        self.density_of_real = density(self._around, num_common(self._around))
        self._held_out = Surroundings(
            _rows(self._around, ~crowd.member),
            self._among_audit,
            self._to_trained(self._real.where(seen), _rows(self._around, ~crowd.member)),
        )
        self._view = View(crowd, policy, self._held_out, np.ones(len(seen), np.bool_))
        self.held_out = self._view.of_held_out

    def sight(self, pixels: Pixels) -> Sight:
        """See films among the real ones."""
        films = self._metric.embed(pixels)
        k = self._policy.num_density_neighbours
        real, audit = self._near(films, self._real, k), self._near(films, self._audit, k)
        return self._view.sight(Surroundings(real, audit, self._to_trained(films, real)))

    def near_witnesses(self, pixels: Pixels) -> Neighbours:
        """Find the films of a set that are nearest to each witness."""
        films = self._metric.embed(pixels)
        return self._near(self._witnesses, films, min(NUM_NEIGHBOURS, len(films)))

    def attack(self, neighbours: Neighbours) -> Mapping[str, Array]:
        """Score the witnesses by the films of a set that are nearest to them."""
        return attack_scores(neighbours, self.density_of_real)

    def halves_differ(self) -> tuple[float, float]:
        """Hold one half of H against the other as if it were a set: the p-values of G1 and G2."""
        crowd, share = self._crowd, self._policy.flag_share
        num_seen = int((~crowd.member).sum())
        as_set = np.random.default_rng(_HALVES_SEED).permutation(num_seen) < num_seen // 2
        view = View(crowd, self._policy, self._held_out, ~as_set)
        films = view.sight(self._held_out.where(as_set))
        flags = flagged(films.closeness, view.of_held_out.closeness, share)
        num_patients = int(crowd.member.sum() + (~as_set).sum())
        return (
            p_value(int(flags.sum()), len(flags), int((~as_set).sum()), share),
            scan(
                films.closeness_to_real,
                films.nearest_patient,
                crowd.trained_patients,
                num_patients,
                self._policy.scan_depths,
            ),
        )

    def _to_trained(self, films: Embedded, real: Neighbours) -> Array:
        """Distance to the nearest film of T, which is as a rule among the nearest real films."""
        nearest = nearest_among(real, self._crowd.trained)
        unseen = np.isinf(nearest)
        if unseen.any():
            trained = self._real.where(self._crowd.trained)
            nearest[unseen] = self._near(films.where(unseen), trained, 1).distances[:, 0]
        return nearest

    def _near(
        self,
        queries: Embedded,
        among: Embedded,
        k: int,
        apart: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    ) -> Neighbours:
        return checked(self._metric.nearest(queries, among, k, apart=apart))


def _rows(neighbours: Neighbours, chosen: NDArray[np.bool_]) -> Neighbours:
    return Neighbours(neighbours.distances[chosen], neighbours.indices[chosen])
