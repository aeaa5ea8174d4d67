"""The real images as one metric sees them: what sets are held against.

It is found once per dataset version and metric and serves every set. T and H are treated alike:
one search goes through both, so that a metric that looks harder in a small crowd favours neither.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.array_cache import Arrays, Memory
from release.data import Pixels
from release.gate.attack_scores import NUM_NEIGHBOURS, attack_scores
from release.gate.checks.proximity_scan import scan
from release.gate.policy import Policy
from release.gate.real_images import Crowd
from release.gate.sight import Sight
from release.gate.survey import survey
from release.gate.view import Surroundings, View
from release.similarity.knn import NUM_NEAREST, Array, checked, density, nearest_among, num_common
from release.similarity.metric import Embedded, Metric, Neighbours, Places

VERSION = "2"  # raise it when what is kept of the real images changes
_HALVES_SEED = 0

Patient = NDArray[np.int64]


class Reference:
    """T and H under one metric.

    Attributes:
        density_of_real: (patients,), of all real images around each witness.
        closeness_of_real: (patients,), of each witness to T, without its patient's own images.
        held_out: The witnesses of H, each seen among the real images but those of its patient.
    """

    def __init__(self, crowd: Crowd, metric: Metric, policy: Policy, memory: Memory) -> None:
        self._crowd, self._metric, self._policy = crowd, metric, policy
        self._real = metric.embed(crowd.pixels)
        found = memory.recall(
            f"reference {VERSION} {crowd.digest} {metric.digest} {policy.digest}", self._found
        )
        around = Neighbours(found["distances"], found["indices"])
        self.density_of_real = density(around, num_common(around))
        nearest = density(around, min(NUM_NEAREST, num_common(around)))
        self.closeness_of_real = found["to_trained"] / nearest
        self._held_out = Surroundings(
            _rows(around, ~crowd.member),
            Neighbours(found["audit_distances"], found["audit_indices"]),
            found["to_trained"][~crowd.member],
        )
        everybody = np.ones(int((~crowd.member).sum()), np.bool_)
        self._view = View(crowd, self._held_out, everybody)
        self.held_out = self._view.of_held_out

    def sight(self, pixels: Pixels) -> Sight:
        """See images among the real ones."""
        return self._seen(pixels, self._crowd.witnesses[:0])[0]

    def look(self, pixels: Pixels) -> tuple[Sight, Neighbours]:
        """See images among the real ones, and find those nearest to each witness."""
        return self._seen(pixels, self._crowd.witnesses)

    def attack(self, neighbours: Neighbours) -> Mapping[str, Array]:
        """Score the witnesses by the images of a set that are nearest to them."""
        return attack_scores(neighbours, self.density_of_real)

    def halves_differ(self) -> float:
        """Hold one half of H against the other as if it were a set: the p-value of G2."""
        crowd = self._crowd
        num_seen = int((~crowd.member).sum())
        as_set = np.random.default_rng(_HALVES_SEED).permutation(num_seen) < num_seen // 2
        view = View(crowd, self._held_out, ~as_set)
        images = view.sight(self._held_out.where(as_set))
        return scan(
            images.closeness_to_real,
            images.nearest_patient,
            crowd.trained_patients,
            int(crowd.member.sum() + (~as_set).sum()),
            self._policy.scan_depths,
        )

    def _seen(self, pixels: Pixels, witnesses: Places) -> tuple[Sight, Neighbours]:
        images = self._metric.embed(pixels)
        found = survey(
            self._metric,
            images,
            self._real,
            ~self._crowd.trained,
            witnesses,
            self._policy.num_density_neighbours,
            min(NUM_NEIGHBOURS, len(images)),
        )
        real, audit, near = map(checked, (found.real, found.part, found.images))
        return self._view.sight(Surroundings(real, audit, self._to_trained(images, real))), near

    def _found(self) -> Arrays:
        """Find what lies around the witnesses: among all, of H among H, and of H the nearest of T.

        Each is seen without the images of its patient.
        """
        crowd, metric, k = self._crowd, self._metric, self._policy.num_density_neighbours
        patients, witnesses = crowd.patients, crowd.witnesses
        seen = witnesses[~crowd.member]
        around = checked(
            metric.nearest(
                self._real.where(witnesses), self._real, k, apart=(patients[witnesses], patients)
            )
        )
        audit = checked(
            metric.nearest(
                self._real.where(seen),
                self._real.where(~crowd.trained),
                k,
                apart=(patients[seen], patients[~crowd.trained]),
            )
        )
        to_trained = self._to_trained(self._real.where(witnesses), around, patients[witnesses])
        return {
            "distances": around.distances,
            "indices": around.indices,
            "audit_distances": audit.distances,
            "audit_indices": audit.indices,
            "to_trained": to_trained,
        }

    def _to_trained(
        self, images: Embedded, real: Neighbours, patients: Patient | None = None
    ) -> Array:
        """Distance to the nearest image of T, which is as a rule among the nearest real images.

        Args:
            images: The images.
            real: The real images nearest to them.
            patients: Whose they are, if they are real: their own images do not count.
        """
        crowd = self._crowd
        nearest = nearest_among(real, crowd.trained)
        unseen = np.isinf(nearest)
        if unseen.any():
            apart = None if patients is None else (patients[unseen], crowd.patients[crowd.trained])
            trained = self._real.where(crowd.trained)
            found = checked(self._metric.nearest(images.where(unseen), trained, 1, apart=apart))
            nearest[unseen] = found.distances[:, 0]
        return nearest


def _rows(neighbours: Neighbours, chosen: np.ndarray) -> Neighbours:
    return Neighbours(neighbours.distances[chosen], neighbours.indices[chosen])
