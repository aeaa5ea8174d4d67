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
from release.privacy.density import (
    Array,
    checked,
    density,
    level,
    nearest_among,
    num_common,
    within,
)
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
        self._density = density(self._around, num_common(self._around))
        every = np.ones(len(seen), np.bool_)
        self._view = _View(
            crowd, policy, _rows(self._around, ~crowd.member), self._among_audit, every
        )
        self.held_out = self._view.of_held_out

    def sight(self, pixels: Pixels) -> Sight:
        """See films among the real ones."""
        films = self._metric.embed(pixels)
        k = self._policy.num_density_neighbours
        return self._view.sight(self._near(films, self._real, k), self._near(films, self._audit, k))

    def near_witnesses(self, pixels: Pixels) -> Neighbours:
        """Find the films of a set that are nearest to each witness."""
        films = self._metric.embed(pixels)
        return self._near(self._witnesses, films, min(NUM_NEIGHBOURS, len(films)))

    def attack(self, neighbours: Neighbours) -> Mapping[str, Array]:
        """Score the witnesses by the films of a set that are nearest to them."""
        return attack_scores(neighbours, self._density)

    def halves_differ(self) -> tuple[float, float]:
        """Hold one half of H against the other as if it were a set: the p-values of G1 and G2."""
        crowd, share = self._crowd, self._policy.flag_share
        num_seen = int((~crowd.member).sum())
        as_set = np.random.default_rng(_HALVES_SEED).permutation(num_seen) < num_seen // 2
        seen = _rows(self._around, ~crowd.member)
        view = _View(crowd, self._policy, seen, self._among_audit, ~as_set)
        films = view.sight(_rows(seen, as_set), _rows(self._among_audit, as_set))
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


class _View:
    """What T, and all of H or part of it, look like to a film.

    Attributes:
        of_held_out: The witnesses of that part of H, each without the films of its patient.
    """

    def __init__(
        self,
        crowd: Crowd,
        policy: Policy,
        real: Neighbours,
        audit: Neighbours,
        part: NDArray[np.bool_],
    ) -> None:
        """Look at part of H.

        Args:
            crowd: Whose films there are.
            policy: How many neighbours to look at.
            real: Neighbours of the witnesses of H among all real films.
            audit: Their neighbours among H.
            part: Which of these witnesses are held out, with all films of their patients.
        """
        self._crowd, self._policy = crowd, policy
        held_out = crowd.witnesses[~crowd.member][part]
        in_part = np.isin(crowd.patients, crowd.patients[held_out])
        self._real, self._audit = crowd.trained | in_part, in_part[~crowd.trained]
        real, audit = _rows(real, part), _rows(audit, part)
        self._num_near = (
            max(1, num_common(within(real, self._real))),
            max(1, num_common(within(audit, self._audit))),
        )
        self._known = np.full(len(self._audit), np.nan)
        self._known[held_out - int(crowd.trained.sum())] = self._quotient(
            within(real, self._real), within(audit, self._audit)
        )
        self.of_held_out = self.sight(real, audit)

    def sight(self, real: Neighbours, audit: Neighbours) -> Sight:
        """See films by their neighbours among all real films and among H."""
        real, audit = within(real, self._real), within(audit, self._audit)
        usual = level(audit, self._known, self._policy.num_level_neighbours)
        return Sight(
            self._quotient(real, audit) / usual,
            density(audit, self._num_near[1]),
            real.distances[:, 0] / density(real, self._num_near[0]),
            self._crowd.patients[real.indices[:, 0]],
        )

    def _quotient(self, real: Neighbours, audit: Neighbours) -> Array:
        """u: distance to T in units of the density in H."""
        quotient: Array = nearest_among(real, self._crowd.trained) / density(
            audit, self._num_near[1]
        )
        return quotient
