"""What the sets of one dataset are examined with: learned once, kept beside the dataset's pixels.

The classifier learns from the images that models learn from; the copy detector from these and the
held-out ones alike, or the tests would be void. Neither ever sees the fold for utility.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from radiographs.folds import TRAINED, Fold
from radiographs.pixel_store import FoldedImages, PixelStore
from release.classifier import ImageClassifier
from release.classifier_files import load_classifier, save_classifier
from release.classifier_training import train_classifier
from release.gate import FEWEST_PATIENTS, Gate
from release.labelled_images import Folds, LabelledImages
from release.look import Look
from release.metrics.copies import VERSION as COPY_VERSION
from release.metrics.copies import CopyMetric, train_copy_metric
from release.metrics.copy_training import Recipe
from release.metrics.pixels import PixelMetric
from release.package.hashing import rounded_count
from release.policy import Policy
from release.privacy.controls import Control
from release.similarity.copy_search import CopySearch
from service.domain.errors import TooFewPatients
from service.domain.records import Dataset
from workers.generate.array_cache import ArtifactArrayCache
from workers.generate.interruptible import Interruptible
from workers.planting import by_changes
from workers.runtime.attempt import Attempt
from workers.runtime.progress import ProgressEstimator

CLASSIFIER = "classifier.safetensors"
METHODS = f"{COPY_VERSION}-classifier-1".replace("/", "-")  # raise it when either learns otherwise
LEARNING = "learning to examine"
CLASSIFIER_PASSES, IMAGES = 5, (640, 32_000)  # that the classifier sees, at least and at most
VIEWS_PER_IMAGE, VIEWS = 10, (640, 52_000)  # that the copy detector sees, likewise
SEED = 0
MAX_KEPT = 2  # datasets, or sizes of one


@dataclass(frozen=True, eq=False)
class GateAssets:
    """The real images of a dataset, and what sees them.

    Attributes:
        folds: The real images, by fold.
        classifier: Learned from T.
        gate: Sees T and H.
        metrics: The gate's own, to be interrupted.
        search: Likewise, what finds changed copies for it.
        memory: Keeps what is the same for every set.
    """

    folds: Folds
    classifier: ImageClassifier
    gate: Gate
    metrics: tuple[Interruptible, ...]
    search: CopySearch
    memory: ArtifactArrayCache

    @cached_property
    def controls(self) -> list[Control]:
        """How many of the images that were changed a little the gate finds."""
        planted = list(by_changes(self.folds))
        pixels = sha256(b"".join(each.pixels.tobytes() for each in planted)).hexdigest()
        found = self.memory.recall(
            f"controls {self.gate.digest} {pixels}",
            lambda: {"found": np.array([self.gate.control(each).found for each in planted])},
        )["found"]
        return [
            Control(each.name, len(each.pixels), int(num), each.required)
            for each, num in zip(planted, found, strict=True)
        ]

    def look(self, release: str, pixels: Callable[[], NDArray[np.uint8]]) -> Look:
        """Look at the images of a release that has left, once for all sets to come.

        Args:
            release: Names it by its content.
            pixels: Reads its images, (n, size, size); called where they were never looked at.
        """
        names = [metric.name for metric in self.metrics]
        name = f"release {self.gate.digest} {release}"
        found = self.memory.recall(name, lambda: self.gate.look(pixels()).arrays())
        return Look.of_arrays(found, names)

    def remember(self, release: str, look: Look) -> None:
        """Keep what was seen of images that are about to leave, if it is all that will be asked."""
        if look.suffices:
            self.memory.recall(f"release {self.gate.digest} {release}", look.arrays)

    def serve(self, attempt: Attempt) -> None:
        """Let an attempt interrupt what is computed from now on, and keep it."""
        self.memory.attempt = attempt
        self.search.check = attempt.check
        for metric in self.metrics:
            metric.check = attempt.check


class GateAssetCache:
    """The evidence a process keeps, the least recently used of which makes way for new."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], GateAssets] = OrderedDict()

    @classmethod
    @cache
    def of_process(cls) -> Self:
        """Return what this process keeps."""
        return cls()

    def of(self, attempt: Attempt, dataset: Dataset, size: int, policy: Policy) -> GateAssets:
        """Return the evidence of a dataset at an image size; gather it if it is not kept.

        Raises:
            StoreOutdated: The dataset has no folds.
            OSError: Its files are gone.
        """
        assert dataset.artifact is not None, "only a ready dataset's models draw"
        key = dataset.artifact.key, size
        if key not in self._kept:
            while len(self._kept) >= MAX_KEPT:
                self._kept.popitem(last=False)
            self._kept[key] = _gathered(attempt, dataset, size, policy)
        self._kept.move_to_end(key)
        evidence = self._kept[key]
        evidence.serve(attempt)
        return evidence


def _gathered(attempt: Attempt, dataset: Dataset, size: int, policy: Policy) -> GateAssets:
    assert dataset.artifact is not None
    store = PixelStore.open(attempt.artifacts.path(dataset.artifact.key))
    memory = ArtifactArrayCache(attempt, f"{dataset.artifact.key}/remembered-{size}")
    folds = folds_of(store, size)
    if len(np.unique(folds.audit.patients)) < FEWEST_PATIENTS:
        raise TooFewPatients(
            "Too few patients are held out for the examination of sets: "
            f"{FEWEST_PATIENTS} at least are needed. Ingest images of more patients: twenty of "
            "each class are usually enough to look at sets, some 1,800 for sets that may leave."
        )
    key = f"{dataset.artifact.key}/evidence-{size}-{METHODS}"
    folder = attempt.artifacts.path(key)
    if not folder.exists():
        attempt.artifacts.publish(_learned(attempt, folds), key)
    copies = CopyMetric.load(folder)
    copies.learned_from.check(folds, copies.name)
    metrics = tuple(Interruptible(metric, attempt.check) for metric in (PixelMetric(), copies))
    search = search_of(folds, attempt.check)
    return GateAssets(
        folds=folds,
        classifier=load_classifier(folder / CLASSIFIER),
        gate=Gate(folds, metrics, policy, memory, search),
        metrics=metrics,
        search=search,
        memory=memory,
    )


def _learned(attempt: Attempt, folds: Folds) -> Path:
    """Train the classifier and the copy detector, for longer where there are more images."""
    pace = ProgressEstimator()

    def watch(share: float) -> None:
        attempt.check()
        if attempt.report_due():
            attempt.report(pace.progress(LEARNING, round(share * told), told, share))

    num_images = len(folds.trained) + len(folds.audit)
    num_views = int(np.clip(VIEWS_PER_IMAGE * num_images, *VIEWS))
    # progress is for everybody, and how many images are in these folds is not
    told = int(np.clip(VIEWS_PER_IMAGE * rounded_count(num_images), *VIEWS))
    images = int(np.clip(CLASSIFIER_PASSES * num_images, *IMAGES))
    staged = attempt.staging("evidence")
    train_copy_metric(folds, recipe=Recipe(num_views=num_views), watch=watch).save(staged)
    classifier = train_classifier(folds.trained, len(folds.classes), SEED, images, attempt.check)
    save_classifier(staged / CLASSIFIER, classifier)
    return staged


def search_of(folds: Folds, check: Callable[[], None] = lambda: None) -> CopySearch:
    """Make the images of T and H ready to be found."""
    pixels = np.concatenate([folds.trained.pixels, folds.audit.pixels])
    patients = np.concatenate([folds.trained.patients, folds.audit.patients])
    return CopySearch(pixels, patients, check)


def folds_of(store: PixelStore, size: int) -> Folds:
    """Read the real images of a store, (n, size, size), by fold."""
    trained = store.images_of(*TRAINED, size=size)
    return Folds(
        classes=store.classes,
        trained=_labelled(trained),
        coins=np.asarray(trained.folds == Fold.AUDIT_IN),
        audit=_labelled(store.images_of(Fold.AUDIT_OUT, size=size)),
        utility=_labelled(store.images_of(Fold.UTILITY, size=size)),
        fingerprint=store.fingerprint,
    )


def _labelled(images: FoldedImages) -> LabelledImages:
    return LabelledImages(images.pixels, images.labels, images.groups)
