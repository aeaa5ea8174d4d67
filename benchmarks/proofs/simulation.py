"""Simulated datasets of which everything is known: images of patients, and ways to leak.

An image is a point of a mixture of Gaussians, one for each class, written as 16 grey levels. A
patient has a place of its own, and the patient's images scatter around it. So the honest
distribution is known, and a generator can be made that leaks exactly so much and no more.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages, Pixels, Splits
from release.similarity.metric import Embedded, LearnedFrom, Metric, Pairs, Vectors

SIDE = 4  # pixels
_DIMENSIONS = SIDE**2
_CLASSES = ("Clear", "Opacity", "Effusion")
_BETWEEN_IMAGES = 0.3  # standard deviation between images of a patient, of that between patients
_GREY_LEVELS = 24.0  # per standard deviation


class Euclidean(Metric):
    """Distance between grey levels, of images as small as these."""

    name = "euclidean"
    digest = hashlib.sha256(b"euclidean/1").hexdigest()
    learned_from = LearnedFrom()

    def _embed(self, pixels: Pixels) -> Vectors:
        """Write images as vectors."""
        vectors: Vectors = pixels.reshape(len(pixels), -1).astype(np.float32) / _GREY_LEVELS
        return vectors

    def similarity(self, queries: Embedded, among: Embedded) -> Vectors:
        """Take squared distances, with the sign turned."""
        x, y = queries.vectors, among.vectors
        alike: Vectors = 2 * x @ y.T - (x**2).sum(1)[:, None] - (y**2).sum(1)
        return alike

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Take the distance of each pair."""
        between = queries.vectors[pairs.queries] - among.vectors[pairs.others]
        far: Vectors = np.linalg.norm(between, axis=1)
        return far


@dataclass(frozen=True)
class Design:
    """How many patients there are.

    Attributes:
        trained: Patients of T.
        audit: Patients of H.
        images_each: Images of each patient.
        images: Images of a set.
        shares: Of each class among the patients.
        apart: How far the classes lie apart, in standard deviations between their means.
    """

    trained: int = 3600
    audit: int = 640
    images_each: int = 1
    images: int = 5000
    shares: tuple[float, ...] = (0.4, 0.3, 0.3)
    apart: float = 1.0


@dataclass(eq=False)
class Simulation:
    """One draw of patients, divided into T and H."""

    seed: int
    design: Design = field(default_factory=Design)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        d = _DIMENSIONS
        self._means = self.rng.normal(0, self.design.apart, (len(_CLASSES), d))
        self._scales = np.linspace(1.4, 0.5, d)
        design = self.design
        n = design.trained + design.audit
        labels, places = self._patients(n)
        each = np.repeat(np.arange(n), design.images_each)
        points = self._images_at(places[each])
        images = LabelledImages(_pixels(points), labels[each], each)
        in_t = each < design.trained
        included = self.rng.random(n) < design.audit / design.trained
        self.splits = Splits(
            _CLASSES,
            images.where(in_t),
            included[each[in_t]],
            images.where(~in_t),
            images.where(np.zeros(len(each), np.bool_)),
            f"simulation-{self.seed}",
        )
        self._points = points[in_t]

    def _patients(
        self, n: int, label: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        labels = self.rng.choice(len(_CLASSES), n, p=self.design.shares)
        if label is not None:
            labels[:] = label
        spread = self.rng.normal(size=(n, _DIMENSIONS)) * self._scales
        return labels, self._means[labels] + spread

    def _images_at(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        return places + self.rng.normal(0, _BETWEEN_IMAGES, places.shape)

    def _honest(self, n: int, label: int | None = None) -> NDArray[np.float64]:
        return self._images_at(self._patients(n, label)[1])

    def honest(self, label: int | None = None) -> Pixels:
        """Images of new patients, of all classes or one: what a perfect model draws."""
        return _pixels(self._honest(self.design.images, label))

    def typical(self, share: float = 0.7) -> Pixels:
        """Images nearer to the mean of all than real ones, as blurred ones are."""
        points = self._honest(self.design.images)
        return _pixels(share * points + (1 - share) * self._means.mean(0))

    def learned(self) -> Pixels:
        """Images of the Gaussian mixture fitted to T."""
        labels = self.splits.train.labels
        drawn = np.sort(self.rng.choice(labels, self.design.images))
        return _pixels(
            np.concatenate(
                [
                    self.rng.multivariate_normal(
                        self._points[labels == label].mean(0),
                        np.cov(self._points[labels == label].T),
                        int((drawn == label).sum()),
                    )
                    for label in range(len(_CLASSES))
                ]
            )
        )

    def copying(self, rate: float, noise: float = 0.05) -> Pixels:
        """Honest images, and a share of near duplicates of training images."""
        return self._with(self.rng.integers(0, len(self._points), self._num(rate)), noise)

    def leaking(self, num_patients: int, rate: float, noise: float = 0.05) -> Pixels:
        """Honest images, and a share of near duplicates of the images of few patients."""
        patients = self.rng.choice(self.design.trained, num_patients, replace=False)
        rows = np.flatnonzero(np.isin(self.splits.train.patients, patients))
        return self._with(self.rng.choice(rows, self._num(rate)), noise)

    def drawn_towards(self, share: float, pull: float) -> Pixels:
        """Honest images, a share of which is drawn towards a training image near it."""
        points = self._honest(self.design.images)
        num = self._num(share)
        near = (
            Euclidean()
            .nearest(
                Embedded(points[:num].astype(np.float32)),
                Embedded(self._points.astype(np.float32)),
                1,
            )
            .indices[:, 0]
        )
        points[:num] += pull * (self._points[near] - points[:num])
        return _pixels(points)

    def siding(self) -> Pixels:
        """Honest images, of those alone whose nearest real image is a training image."""
        images = _pixels(self._honest(4 * self.design.images))
        metric = Euclidean()
        to_trained, to_audit = (
            metric.nearest(metric.embed(images), metric.embed(real.pixels), 1).distances[:, 0]
            for real in (self.splits.train, self.splits.holdout)
        )
        return images[to_trained < to_audit][: self.design.images]

    def noise(self) -> Pixels:
        """No images at all: each grey level drawn evenly."""
        return self.rng.integers(0, 256, (self.design.images, SIDE, SIDE), dtype=np.uint8)

    def _num(self, rate: float) -> int:
        return round(rate * self.design.images)

    def _with(self, rows: NDArray[np.int64], noise: float) -> Pixels:
        points = self._honest(self.design.images)
        points[: len(rows)] = self._points[rows] + self.rng.normal(
            0, noise, (len(rows), _DIMENSIONS)
        )
        return _pixels(points)


def _pixels(points: NDArray[np.float64]) -> Pixels:
    levels = np.clip(np.rint(128 + _GREY_LEVELS * points), 0, 255).astype(np.uint8)
    return levels.reshape(len(points), SIDE, SIDE)
