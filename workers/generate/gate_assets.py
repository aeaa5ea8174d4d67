"""What the sets of one dataset are evaluated with: learned once, kept beside the dataset's pixels.

The classifier learns from T, the images that models learn from; the copy detector from T and the
held-out H alike, or the tests would be void. Neither ever sees U, the images for utility.
"""

from __future__ import annotations

import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
import structlog
from cachetools import LRUCache
from numpy.typing import NDArray

from radiographs.splits.split import TRAINED, Split
from radiographs.store.pixel_store import PixelStore, SplitImages
from release.array_cache import Arrays
from release.data import LabelledImages, Splits
from release.features.classifier import ImageClassifier, load_classifier, save_classifier
from release.features.classifier_training import train_classifier
from release.gate.context import MIN_HOLDOUT
from release.gate.control_images import transformed_controls
from release.gate.gate import Gate
from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult
from release.gate.set_neighbours import SetNeighbours
from release.report.disclosure import rounded_count
from release.similarity.copy_embedding import VERSION as COPY_VERSION
from release.similarity.copy_embedding import CopyMetric, train_copy_metric
from release.similarity.copy_search import CopySearch
from release.similarity.copy_training import Recipe
from release.similarity.registered_pixels import PixelMetric
from service.domain.errors import (
    ArtifactMissing,
    ArtifactsUnavailable,
    DatasetGone,
    StorageFull,
    TooFewPatients,
)
from service.domain.job import JobProgress
from service.domain.ports import ArtifactStore
from service.domain.records import Dataset
from workers.generate.beside_dataset import publish_beside
from workers.generate.inherited_images import inherited_images
from workers.runtime.attempt import Attempt
from workers.runtime.device import choose_device
from workers.runtime.progress import ProgressEstimator

log = structlog.get_logger()

CLASSIFIER = "classifier.safetensors"
METHODS = f"{COPY_VERSION}-classifier-1".replace("/", "-")  # raise it when either learns otherwise
# the phases that a job reports before the first set of a dataset
TRAINING, CLASSIFYING = "training gate assets", "training the classifier"
INDEXING = "indexing real images"
INDEX_SHARE = 0.55  # of the time of indexing; the rest goes to the controls
CLASSIFIER_PASSES, IMAGES = 5, (640, 32_000)  # that the classifier sees, at least and at most
VIEWS_PER_IMAGE, VIEWS = 10, (640, 52_000)  # that the copy detector sees, likewise
SEED = 0
MAX_KEPT = 2  # datasets, or sizes of one


class ArtifactArrayCache:
    """Arrays about a dataset's images, in a folder of the artifact store: one file for each name.

    The folder lies inside the dataset's own and is deleted with it. Whoever may read the images may
    read these, and nobody else: they show which images are alike.

    Args:
        artifacts: The store.
        folder: Key of the folder.
        publish: Publishes a staged file under a key; by default as the store does.
    """

    def __init__(
        self,
        artifacts: ArtifactStore,
        folder: str,
        publish: Callable[[Path, str], None] | None = None,
    ) -> None:
        self._artifacts = artifacts
        self._folder = folder
        self._publish = publish or artifacts.publish

    def get(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return what is cached; compute it where nothing is, or nothing that is whole."""
        file = f"{self._folder}/{hashlib.sha256(key.encode()).hexdigest()}.npz"
        kept = self._read(file)
        if kept is None:
            kept = compute()
            self._keep(file, kept)
        return kept

    @property
    def is_empty(self) -> bool:
        """Whether nothing was kept yet."""
        return not self._artifacts.exists(self._folder)

    def _read(self, key: str) -> Arrays | None:
        try:
            with (
                self._artifacts.path(key).open("rb") as stream,
                np.load(stream, allow_pickle=False) as file,
            ):
                return dict(file)
        except (ArtifactMissing, OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error):
            return None

    def _keep(self, key: str, found: Arrays) -> None:
        """Keep what was found; that it cannot be kept is no reason to fail."""
        plain: dict[str, NDArray[Any]] = {name: np.asarray(each) for name, each in found.items()}
        folder = None
        try:
            folder = self._artifacts.staging(f"arrays-{uuid4().hex}")
            file = folder / "arrays.npz"
            with file.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **plain)
            self._publish(file, key)
        except (ArtifactsUnavailable, DatasetGone, OSError, StorageFull) as error:
            log.warning("arrays not kept", reason=str(error))
        finally:
            if folder:
                shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, eq=False)
class GateAssets:
    """The real images of a dataset, and what a set is evaluated with against them.

    Attributes:
        splits: The real images, by split.
        classifier: Learned from T.
        gate: Sees T and H.
        metric_names: The gate's own.
        arrays: Keeps what is the same for every set.
    """

    splits: Splits
    classifier: ImageClassifier
    gate: Gate
    metric_names: tuple[str, ...]
    arrays: ArtifactArrayCache

    def prepare(self, attempt: Attempt) -> None:
        """Compute what is the same for every set, before the first; later ones find it kept.

        Raises:
            InvalidDistances: A metric gives invalid distances.
        """
        estimator = ProgressEstimator()

        def watch(share: float) -> None:
            if attempt.report_due():  # how many images there are is not for everybody
                attempt.report(estimator.progress(INDEXING, 0, None, share))

        if self.arrays.is_empty:
            attempt.report(JobProgress(INDEXING))
        self.gate.prepare(lambda share: watch(INDEX_SHARE * share))
        if "controls" not in vars(self):  # the cached property of that name
            vars(self)["controls"] = self._count(
                lambda share: watch(INDEX_SHARE + (1 - INDEX_SHARE) * share)
            )

    @cached_property
    def controls(self) -> list[ControlResult]:
        """How many of the images that were changed a little the gate finds."""
        return self._count(lambda _: None)

    def _count(self, on_progress: Callable[[float], None]) -> list[ControlResult]:
        """Measure every control, or read what is kept; `on_progress` gets the share done."""
        planted = list(transformed_controls(self.splits))
        pixels = hashlib.sha256(b"".join(each.pixels.tobytes() for each in planted)).hexdigest()

        def found_of_each() -> Iterator[int]:
            for number, each in enumerate(planted, start=1):
                yield self.gate.measure(each).found
                on_progress(number / len(planted))

        found = self.arrays.get(
            f"controls {self.gate.digest} {pixels}",
            lambda: {"found": np.array([*found_of_each()])},
        )["found"]
        return [
            ControlResult(each.name, len(each.pixels), int(num), each.required)
            for each, num in zip(planted, found, strict=True)
        ]

    def neighbours_of(self, release: str, pixels: Callable[[], NDArray[np.uint8]]) -> SetNeighbours:
        """Compare the images of a prior release with the real ones, once for all sets to come.

        Args:
            release: Names it by its content.
            pixels: Reads its images, (n, size, size); called where nothing is kept of them.
        """
        found = self.arrays.get(
            self._name_of(release), lambda: self.gate.compare(pixels()).arrays()
        )
        return SetNeighbours.of_arrays(found, self.metric_names)

    def remember(self, release: str, neighbours: SetNeighbours) -> None:
        """Keep what was found of images that are about to leave, if later sets need no more."""
        if neighbours.is_complete:
            self.arrays.get(self._name_of(release), neighbours.arrays)

    def _name_of(self, release: str) -> str:
        return f"release {self.gate.digest} {release}"


class GateAssetCache:
    """The assets a process keeps in memory, the least recently used of which make way for new."""

    def __init__(self) -> None:
        self._kept: LRUCache[tuple[tuple[str, ...], int], GateAssets] = LRUCache(MAX_KEPT)

    @classmethod
    @cache
    def shared(cls) -> Self:
        """Return the cache of this process."""
        return cls()

    def get(
        self,
        attempt: Attempt,
        dataset: Dataset,
        size: int,
        policy: Policy,
        inherited: Sequence[Dataset] = (),
    ) -> GateAssets:
        """Return the assets of a dataset at an image size; gather them if they are not kept.

        Args:
            attempt: Its artifacts hold the images.
            dataset: What a model was trained on.
            size: Side of its images.
            policy: The gate's.
            inherited: The other datasets that the model learned from.

        Raises:
            TooFewPatients: The gate needs more of them held out.
            ArtifactMissing, DatasetGone: Its files are gone.
        """
        key = tuple(_folder(each) for each in (dataset, *inherited)), size
        for kept in [*self._kept]:
            if not all(map(attempt.artifacts.exists, kept[0])):  # deleted: memory lets go of it too
                del self._kept[kept]
        if key not in self._kept:
            while len(self._kept) >= MAX_KEPT:  # before the new ones take memory
                self._kept.popitem()
            self._kept[key] = _load_assets(attempt, (dataset, *inherited), size, policy)
        return self._kept[key]


def _folder(dataset: Dataset) -> str:
    """Return the key of a dataset's folder."""
    assert dataset.artifact is not None, "only a ready dataset's models draw"
    return dataset.artifact.key


def _load_assets(
    attempt: Attempt, datasets: Sequence[Dataset], size: int, policy: Policy
) -> GateAssets:
    stores = []
    for each in map(_folder, datasets):
        if not attempt.artifacts.exists(each):
            raise ArtifactMissing.named(each)
        stores.append(PixelStore.open(attempt.artifacts.path(each)))
    splits, dataset_key = splits_of(stores[0], size, stores[1:]), _folder(datasets[0])
    if len(np.unique(splits.holdout.patients)) < MIN_HOLDOUT:
        raise TooFewPatients(
            "Too few patients are held out for the examination of sets: "
            f"{MIN_HOLDOUT} at least are needed. Ingest images of more patients: twenty of "
            "each class are usually enough to evaluate sets, some 1,800 to release them."
        )
    publish = partial(publish_beside, attempt.artifacts, attempt.records.catalog, datasets[0])
    key = f"{dataset_key}/gate-assets-{size}-{METHODS}"
    if not attempt.artifacts.exists(key):
        publish(_train_assets(attempt, splits), key)
    folder = attempt.artifacts.path(key)
    copies = CopyMetric.load(folder, choose_device())
    copies.learned_from.check(splits, copies.name)
    metrics = PixelMetric(), copies
    arrays = ArtifactArrayCache(attempt.artifacts, f"{dataset_key}/arrays-{size}", publish)
    return GateAssets(
        splits=splits,
        classifier=load_classifier(folder / CLASSIFIER),
        gate=Gate(splits, metrics, policy, arrays, search_of(splits)),
        metric_names=tuple(metric.name for metric in metrics),
        arrays=arrays,
    )


def _train_assets(attempt: Attempt, splits: Splits) -> Path:
    """Train the classifier and the copy detector, for longer where there are more images."""
    estimator = ProgressEstimator()

    def watch(share: float) -> None:
        if attempt.report_due():
            seen = round(share * num_reported)
            attempt.report(estimator.progress(TRAINING, seen, num_reported, share))

    num_images = len(splits.train) + len(splits.holdout)
    num_views = int(np.clip(VIEWS_PER_IMAGE * num_images, *VIEWS))
    # progress is for everybody, and how many images are in these splits is not
    num_reported = int(np.clip(VIEWS_PER_IMAGE * rounded_count(num_images), *VIEWS))
    images = int(np.clip(CLASSIFIER_PASSES * num_images, *IMAGES))
    staged = attempt.staging("gate-assets")
    train_copy_metric(splits, recipe=Recipe(num_views=num_views), on_progress=watch).save(staged)
    attempt.report(JobProgress(CLASSIFYING))
    classifier = train_classifier(splits.train, len(splits.classes), SEED, images)
    save_classifier(staged / CLASSIFIER, classifier)
    return staged


def search_of(splits: Splits) -> CopySearch:
    """Make the images of T and H ready to be found, and those that a model learned from before."""
    searched = splits.copied_from
    return CopySearch(searched.pixels, searched.patients)


def splits_of(store: PixelStore, size: int, earlier: Sequence[PixelStore] = ()) -> Splits:
    """Read the real images of a store, (n, size, size), by split.

    Args:
        store: Of the dataset that a model was trained on.
        size: Side of the images.
        earlier: Those of the datasets that it inherits.
    """
    train = store.images_of(*TRAINED, size=size)
    return Splits(
        classes=store.classes,
        train=_labelled(train),
        included=np.asarray(train.splits == Split.INCLUDED),
        holdout=_labelled(store.images_of(Split.HOLDOUT, size=size)),
        test=_labelled(store.images_of(Split.TEST, size=size)),
        fingerprint=store.fingerprint,
        inherited=inherited_images(store, earlier, size) if earlier else None,
    )


def _labelled(images: SplitImages) -> LabelledImages:
    return LabelledImages(images.pixels, images.labels, images.groups)
