"""The real images, indexed: what sets are compared with.

An index is built once for a dataset, an image size and a policy, and serves every set. Training and
holdout images share it: the shortlist of a metric depends on the size of the index, so that two
indices would favour one side.

A model may have learned from images of other datasets before (`Splits.inherited`). They are a third
part: how near the training images are to an image takes them into account, so that their copies are
flagged and counted like others; what is usual, and who was trained on, is asked of the other two.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from release.array_cache import ArrayCache, Arrays, NullCache
from release.data import Array, InheritedImages, Pixels, Splits
from release.gate.attack_scores import NUM_NEIGHBOURS, attack_scores
from release.gate.calibration import Calibration, Closeness
from release.gate.density_attack import Candidates, density_scores, thumbnails
from release.gate.legible_text import TextFound, detector_digest
from release.gate.policy import Policy
from release.gate.real_images import RealImages
from release.gate.set_neighbours import ImageStatistics, SetNeighbours, search_both_ways
from release.similarity.closeness import closeness
from release.similarity.copy_search import Aligned, CopySearch
from release.similarity.knn import NUM_NEAREST, Neighbours, Places
from release.similarity.metric import Embedded, Metric

VERSION = "3"  # raise it when what is cached of the real images changes
_HALVES_SEED = 0


@dataclass(frozen=True, eq=False)
class _NearReal:
    """Real images around n images.

    Attributes:
        real: Neighbours among all real images.
        holdout: Neighbours among the holdout images.
        to_train: (n,), distance to the nearest training image.
    """

    real: Neighbours
    holdout: Neighbours
    to_train: Array

    def where(self, chosen: NDArray[np.bool_]) -> _NearReal:
        """Keep some of the n images."""
        return _NearReal(self.real.of(chosen), self.holdout.of(chosen), self.to_train[chosen])

    def among(self, real: NDArray[np.bool_], holdout: NDArray[np.bool_]) -> _NearReal:
        """Keep some of the neighbours: masks of all real images, and of the holdout images."""
        return _NearReal(self.real.among(real), self.holdout.among(holdout), self.to_train)


class _Subset:
    """The training images, and all or part of the holdout, as images are compared with them.

    Args:
        images: All real images.
        near: Real images around the representatives of the holdout.
        part: Which of these are in the subset, with all images of their patients.

    Attributes:
        holdout: Statistics of the representatives of that part, each without its patient's images.
    """

    def __init__(self, images: RealImages, near: _NearReal, part: NDArray[np.bool_]) -> None:
        self._patients = images.patients
        rows = images.representatives[~images.member][part]
        in_part = np.isin(images.patients, images.patients[rows])
        self._real, self._holdout = images.is_train | in_part, in_part[~images.is_train]
        around = near.among(self._real, self._holdout)
        self._num_real = max(1, around.real.num_common)
        self._num_holdout = max(1, around.holdout.num_common)
        self.holdout = self.statistics(near.where(part))

    def statistics(self, near: _NearReal) -> ImageStatistics:
        """Say where images lie, by the real images around them."""
        near = near.among(self._real, self._holdout)
        return ImageStatistics(
            near.to_train / near.real.density(min(NUM_NEAREST, self._num_real)),
            near.holdout.density(self._num_holdout),
            near.real.distances[:, 0] / near.real.density(self._num_real),
            self._patients[near.real.indices[:, 0]],
        )


class MetricIndex:
    """The real images, indexed by one metric.

    Args:
        images: Training and holdout images.
        inherited: Images that the model learned from before, if any.
        metric: The metric.
        policy: How many neighbours count.
        cache: Keeps what is the same for every set.
        digest: Of all of these images.

    Attributes:
        density_of_real: (patients,), of all real images around each representative.
        closeness_of_real: (patients,), of each representative to the training images, without its
            patient's own images.
        holdout: Statistics of the representatives of the holdout, likewise.
    """

    def __init__(
        self,
        images: RealImages,
        inherited: InheritedImages | None,
        metric: Metric,
        policy: Policy,
        cache: ArrayCache,
        digest: str,
    ) -> None:
        self._images, self._metric = images, metric
        self._k = policy.num_density_neighbours
        self._real = metric.embed(images.pixels)
        self._inherited = inherited
        self._inherited_embedded = metric.embed(inherited.pixels) if inherited else None
        key = f"reference {VERSION} {digest} {metric.digest} {policy.digest}"
        found = cache.get(key, self._near_representatives)
        near = Neighbours(found["distances"], found["indices"])
        self.density_of_real = near.density(near.num_common)
        self.closeness_of_real = found["to_train"] / near.density(min(NUM_NEAREST, near.num_common))
        self._near_holdout = _NearReal(
            near.of(~images.member),
            Neighbours(found["holdout_distances"], found["holdout_indices"]),
            found["to_train"][~images.member],
        )
        everybody = np.ones(len(images.holdout_patients), np.bool_)
        self._subset = _Subset(images, self._near_holdout, everybody)
        self.holdout = self._subset.holdout

    def compare(
        self, pixels: Pixels, *, attacked: bool = True
    ) -> tuple[ImageStatistics, Neighbours]:
        """Compare images with the real ones.

        Args:
            pixels: (n, size, size).
            attacked: Whether to look for those nearest to each representative as well.
        """
        images, everyone = self._metric.embed(pixels), self._images.representatives
        found = search_both_ways(
            self._metric,
            images,
            self._real,
            ~self._images.is_train,
            everyone if attacked else everyone[:0],
            self._k,
            min(NUM_NEIGHBOURS, len(images)),
        )
        near = _NearReal(found.real, found.holdout, self._to_train(images, found.real))
        return self._subset.statistics(near), found.of_representatives

    def half_of_holdout(self) -> tuple[ImageStatistics, int]:
        """Compare a random half of the holdout with the rest, as if it were a set.

        Returns:
            Its statistics, and how many patients it was compared with.
        """
        num = len(self._images.holdout_patients)
        as_set = np.random.default_rng(_HALVES_SEED).permutation(num) < num // 2
        rest = _Subset(self._images, self._near_holdout, ~as_set)
        num_patients = int(self._images.member.sum() + (~as_set).sum())
        return rest.statistics(self._near_holdout.where(as_set)), num_patients

    def _near_representatives(self) -> Arrays:
        """Find the real images around the representatives, without those of the same patient."""
        images, k = self._images, self._k
        patients, representatives = images.patients, images.representatives
        holdout = representatives[~images.member]
        near = self._metric.nearest(
            self._real.where(representatives),
            self._real,
            k,
            patients=(patients[representatives], patients),
        ).checked()
        near_holdout = self._metric.nearest(
            self._real.where(holdout),
            self._real.where(~images.is_train),
            k,
            patients=(patients[holdout], patients[~images.is_train]),
        ).checked()
        to_train = self._to_train(
            self._real.where(representatives), near, patients[representatives]
        )
        return {
            "distances": near.distances,
            "indices": near.indices,
            "holdout_distances": near_holdout.distances,
            "holdout_indices": near_holdout.indices,
            "to_train": to_train,
        }

    def _to_train(
        self, images: Embedded, near: Neighbours, patients: Places | None = None
    ) -> Array:
        """Distance to the nearest training image, which as a rule is among the nearest real ones.

        Inherited images are training images here.

        Args:
            images: The images.
            near: The real images nearest to them.
            patients: Whose they are, if they are real: their patients' own images do not count.
        """
        is_train = self._images.is_train
        nearest = near.nearest_among(is_train)
        unseen = np.isinf(nearest)
        if unseen.any():
            apart = None
            if patients is not None:
                apart = patients[unseen], self._images.patients[is_train]
            found = self._metric.nearest(
                images.where(unseen), self._real.where(is_train), 1, patients=apart
            )
            nearest[unseen] = found.checked().distances[:, 0]
        if self._inherited and self._inherited_embedded:
            apart = None if patients is None else (patients, self._inherited.patients)
            found = self._metric.nearest(images, self._inherited_embedded, 1, patients=apart)
            nearest = np.minimum(nearest, found.checked().distances[:, 0])
        return nearest


class RealIndex:
    """The real images, indexed by all metrics and by the search for changed copies.

    Nothing is computed before the first image is compared.

    Args:
        splits: The real images.
        metrics: Which compare images; at least one.
        policy: How many neighbours count, and what is flagged.
        cache: Keeps what is the same for every set.
        search: Finds changed copies of `Splits.copied_from`; None where only the metrics do.

    Attributes:
        images: The training and holdout images.
        metrics: As given.
    """

    def __init__(
        self,
        splits: Splits,
        metrics: Sequence[Metric],
        policy: Policy,
        cache: ArrayCache | None = None,
        search: CopySearch | None = None,
    ) -> None:
        if not metrics:
            raise ValueError("A gate needs at least one metric.")
        if search is not None and len(search) != len(splits.copied_from):
            raise ValueError("The copy search holds other images than training and holdout.")
        self.images, self.metrics = RealImages(splits), tuple(metrics)
        self._inherited, self._copied_from = splits.inherited, splits.copied_from
        self._policy, self._cache, self._search = policy, cache or NullCache(), search
        self._on_progress: Callable[[float], None] | None = None

    @cached_property
    def by_metric(self) -> Mapping[str, MetricIndex]:
        """The index of each metric."""
        return {
            metric.name: MetricIndex(
                self.images, self._inherited, metric, self._policy, self._cache, self.digest
            )
            for metric in self.metrics
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the images and what is known of them, in hexadecimal."""
        if self._inherited is None:
            return self.images.digest
        return hashlib.sha256(f"{self.images.digest} {self._inherited.digest}".encode()).hexdigest()

    @cached_property
    def learned_text(self) -> TextFound:
        """What legible text the images show that the model learned from."""
        found = self._cache.get(
            f"legible text {detector_digest()} {self.digest}",
            lambda: {"windows": TextFound.in_images(self._learned_pixels()).windows},
        )
        return TextFound(found["windows"])

    def _learned_pixels(self) -> Pixels:
        return self._copied_from.pixels[self._copied_from.is_learned]

    @property
    def detectors(self) -> list[tuple[str, str]]:
        """Name and digest of each metric, and of the search."""
        searches = [("structure", self._search.digest)] if self._search else []
        return [*((metric.name, metric.digest) for metric in self.metrics), *searches]

    def prepare(self, on_progress: Callable[[float], None]) -> None:
        """Compute what is the same for every set, where it is not cached.

        Args:
            on_progress: Called with the share of the longest part that is done.
        """
        self._on_progress = on_progress
        try:
            _ = self.calibration
        finally:
            self._on_progress = None  # which may hold on to a job

    def compare(self, pixels: Pixels) -> SetNeighbours:
        """Compare the images of a set, (n, size, size), with the real ones, and flag copies."""
        found = {name: each.compare(pixels) for name, each in self.by_metric.items()}
        statistics = {name: each for name, (each, _) in found.items()}
        near = {name: each for name, (_, each) in found.items()}
        measured = self._closeness(pixels, statistics)
        flagged = self.calibration.flagged(measured)
        return SetNeighbours(statistics, near, measured, flagged, thumbnails(pixels))

    def closeness(self, pixels: Pixels) -> Closeness:
        """Measure how near the training images are to images, by each detector."""
        statistics = {
            name: each.compare(pixels, attacked=False)[0] for name, each in self.by_metric.items()
        }
        return self._closeness(pixels, statistics)

    def attack_scores(self, of_set: SetNeighbours) -> dict[str, Array]:
        """Attack the representatives, by every metric and by the density of the set.

        Returns:
            By attack, (patients,): the higher, the more likely trained on.
        """
        scores = {
            f"{metric}/{attack}": values
            for metric, near in of_set.of_representatives.items()
            for attack, values in attack_scores(
                near, self.by_metric[metric].density_of_real
            ).items()
        }
        by_density = density_scores(of_set.thumbnails, self._candidates)
        return scores | {f"density/{attack}": values for attack, values in by_density.items()}

    @property
    def densities_of_real(self) -> dict[str, Array]:
        """Of all real images around the representatives, by metric."""
        return {name: each.density_of_real for name, each in self.by_metric.items()}

    @cached_property
    def calibration(self) -> Calibration:
        """How near the training images are to real images of other patients."""
        return self.calibration_by(np.ones(len(self.images.member), np.bool_))

    def calibration_by(self, chosen: NDArray[np.bool_]) -> Calibration:
        """The same by some of the patients."""
        labels = self.images.representative_labels[chosen]
        return Calibration(self.closeness_of_real(chosen), labels, self._policy.copy_shares)

    def closeness_of_real(self, chosen: NDArray[np.bool_]) -> Closeness:
        """How near the training images of other patients are to some representatives."""
        return {name: values[chosen] for name, values in self._closeness_of_real.items()}

    @cached_property
    def _closeness_of_real(self) -> Closeness:
        by_metric = {name: each.closeness_of_real for name, each in self.by_metric.items()}
        if self._search is None:
            return by_metric
        search, images = self._search, self.images
        rows = images.representatives
        key = f"changed copies {search.digest} {self.digest}"
        found = self._cache.get(
            key,
            lambda: search.aligned(
                images.pixels[rows], images.patients[rows], self._on_progress
            )._asdict(),
        )
        return by_metric | self._closeness_of(Aligned(**found))

    def _closeness(self, pixels: Pixels, statistics: Mapping[str, ImageStatistics]) -> Closeness:
        found = {name: each.closeness for name, each in statistics.items()}
        if self._search:
            found |= self._closeness_of(self._search.aligned(pixels))
        return found

    def _closeness_of(self, aligned: Aligned) -> dict[str, Array]:
        return closeness(aligned, self._copied_from.patients, self._copied_from.is_learned)

    @cached_property
    def _candidates(self) -> Candidates:
        rows = self.images.representatives
        return Candidates(thumbnails(self.images.pixels[rows]), self.images.labels[rows])
