"""The real images that synthetic ones are measured against."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from radiographs.ingest import IngestOptions, run
from radiographs.phantom import FINDINGS
from radiographs.reading.sources import PhantomSource, Source
from radiographs.splits.keyed_hash import KEY_BYTES
from radiographs.store.pixel_store import PixelStore

# Nothing that is measured here is released, so that anyone may repeat the split.
PUBLIC_KEY = bytes(KEY_BYTES)

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class LabelledSet:
    """Labelled images of one side of the split.

    Attributes:
        pixels: (n, size, size), uint8; 0 is black.
        labels: (n,), a class's place in `RealImages.classes`.
        groups: (n,), equal for images of one patient and for near duplicates: images that are not
            independent evidence.
    """

    pixels: Pixels
    labels: Labels
    groups: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> LabelledSet:
        """Keep some of the images, by mask or by index."""
        return LabelledSet(self.pixels[chosen], self.labels[chosen], self.groups[chosen])

    def at_most(self, num_per_class: int, rng: np.random.Generator) -> LabelledSet:
        """Draw images without replacement, as many of each class as asked for or as there are."""
        drawn = [
            rng.permutation(np.flatnonzero(self.labels == label))[:num_per_class]
            for label in np.unique(self.labels)
        ]
        return self.where(np.sort(np.concatenate(drawn)))


@dataclass(frozen=True)
class RealImages:
    """A dataset as the evaluation sees it.

    Attributes:
        classes: The labels' names.
        training: What the families and the classifier learn from.
        held_out: What nothing has learned from.
        fingerprint: Names the images and their split.
    """

    classes: tuple[str, ...]
    training: LabelledSet
    held_out: LabelledSet
    fingerprint: str

    @property
    def image_size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.training.pixels.shape[1])

    def within_training(self, share: float, seed: int = 0) -> RealImages:
        """Hold out a part of the training side, to choose by; the held-out side stays unseen.

        Args:
            share: Of each class's groups, in (0, 1).
            seed: Of which groups.
        """
        rng, training = np.random.default_rng(seed), self.training
        validating = np.zeros(len(training), np.bool_)
        for label in range(len(self.classes)):
            groups = rng.permutation(np.unique(training.groups[training.labels == label]))
            validating |= np.isin(training.groups, groups[: round(share * len(groups))])
        return RealImages(
            self.classes,
            training=training.where(~validating),
            held_out=training.where(validating),
            fingerprint=f"{share:g}{seed}-{self.fingerprint}",
        )


def load(source: Source, image_size: int) -> RealImages:
    """Ingest images into a folder that is thrown away, and read both sides of their split.

    Args:
        source: The images and their labels.
        image_size: Side of the square images, in pixels.

    Raises:
        radiographs.ingest.IngestRefused: The images cannot be used.
    """
    with tempfile.TemporaryDirectory() as folder:
        run(source, Path(folder), IngestOptions(PUBLIC_KEY, image_size=image_size, bit_depth=8))
        store = PixelStore.open(Path(folder))
        everything = LabelledSet(np.array(store.pixels, np.uint8), store.labels, store.groups)
        return RealImages(
            classes=store.classes,
            training=everything.where(store.trained),
            held_out=everything.where(~store.trained),
            fingerprint=store.version,
        )


def phantoms(num_images: int) -> PhantomSource:
    """Draw images in place of real ones, as many of each finding."""
    return PhantomSource(dict.fromkeys(FINDINGS, num_images // len(FINDINGS)))
