"""The real films as one metric sees them: what sets are held against.

It is found once per dataset version and metric and serves every set. T and H are treated alike:
one search goes through both, so that a metric that looks harder in a small crowd favours neither.
The witnesses are one film of each patient, the first; they alone calibrate the tests, since films
of one patient tell the same twice.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.films import Folds, LabelledFilms, Pixels
from release.metrics.metric import Embedded, Metric, Neighbours
from release.policy import Policy
from release.privacy.copies import flagged, p_value
from release.privacy.density import Array, checked, density, num_common, within
from release.privacy.scan import scan
from release.privacy.scores import NUM_NEIGHBOURS, attack_scores
from release.privacy.sight import Sight

_HALVES_SEED = 0


class Crowd:
    """Who the real films are of: T first, then H.

    Attributes:
        pixels: (n, size, size), all real films of T and H.
        labels: (n,).
        patients: (n,).
        trained: (n,), which films are in T.
        witnesses: (patients,), one film of each patient.
        member: (patients,), which of the witnesses are in T.
        coins: (patients,), which are in A_in.
    """

    def __init__(self, folds: Folds) -> None:
        shared = np.intersect1d(folds.trained.patients, folds.audit.patients)
        if len(shared):
            raise ValueError(
                f"{len(shared)} patients are in the training data and held out as well: "
                "every test would be void. Divide the films by patient."
            )
        self.pixels = np.concatenate([folds.trained.pixels, folds.audit.pixels])
        self.labels = np.concatenate([folds.trained.labels, folds.audit.labels])
        self.patients = np.concatenate([folds.trained.patients, folds.audit.patients])
        self.trained = np.arange(len(self.patients)) < len(folds.trained)
        self.witnesses = np.sort(np.unique(self.patients, return_index=True)[1])
        self.member = self.trained[self.witnesses]
        came_in = np.zeros(len(self.patients), np.bool_)
        came_in[: len(folds.trained)] = folds.coins
        self.coins = came_in[self.witnesses]

    @property
    def audited(self) -> NDArray[np.bool_]:
        """(patients,), whom a fair coin brought in or kept out: A_in and A_out."""
        return self.coins | ~self.member

    def films(self, chosen: NDArray[np.bool_]) -> LabelledFilms:
        """Return the films of some of the witnesses."""
        rows = self.witnesses[chosen]
        return LabelledFilms(self.pixels[rows], self.labels[rows], self.patients[rows])

    @property
    def trained_patients(self) -> NDArray[np.int64]:
        """Patients of T, each once."""
        return self.patients[self.witnesses[self.member]]

    @property
    def held_out_patients(self) -> NDArray[np.int64]:
        """Patients of H, each once."""
        return self.patients[self.witnesses[~self.member]]


class Reference:
    """T and H under one metric.

    Attributes:
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
        self._num_near = num_common(self._around), num_common(self._among_audit)
        self._density = density(self._around, self._num_near[0])
        self.held_out = Sight.of(
            _rows(self._around, ~crowd.member),
            self._among_audit,
            self._num_near,
            crowd.trained,
            patients,
        )

    def sight(self, pixels: Pixels) -> Sight:
        """See films among the real ones."""
        films = self._metric.embed(pixels)
        k = self._policy.num_density_neighbours
        real, audit = self._near(films, self._real, k), self._near(films, self._audit, k)
        return Sight.of(real, audit, self._num_near, self._crowd.trained, self._crowd.patients)

    def near_witnesses(self, pixels: Pixels) -> Neighbours:
        """Find the films of a set that are nearest to each witness."""
        films = self._metric.embed(pixels)
        return self._near(self._witnesses, films, min(NUM_NEIGHBOURS, len(films)))

    def attack(self, neighbours: Neighbours) -> Mapping[str, Array]:
        """Score the witnesses by the films of a set that are nearest to them."""
        return attack_scores(neighbours, self._density)

    def halves_differ(self) -> tuple[float, float]:
        """Hold one half of H against the other as if it were a set: the p-values of G1 and G2."""
        crowd = self._crowd
        rng = np.random.default_rng(_HALVES_SEED)
        seen = crowd.witnesses[~crowd.member]
        as_set = rng.permutation(len(seen)) < len(seen) // 2
        half = np.isin(crowd.patients, crowd.patients[seen[~as_set]])  # the half that is held out
        held_out = within(self._among_audit, half[~crowd.trained])
        real = within(_rows(self._around, ~crowd.member), crowd.trained | half)
        num_near = num_common(real), num_common(held_out)
        if not min(num_near):
            return 1.0, 1.0
        sight = Sight.of(real, held_out, num_near, crowd.trained, crowd.patients)
        films = sight.where(as_set)
        closeness = sight.closeness[~as_set]
        share = self._policy.flag_share
        flags = flagged(films.closeness, closeness, share)
        num_patients = len(closeness) + len(crowd.trained_patients)
        return (
            p_value(int(flags.sum()), len(flags), len(closeness), share),
            scan(
                films.closeness_to_real,
                films.nearest_patient,
                crowd.trained_patients,
                num_patients,
                self._policy.scan_depths,
            ),
        )

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
