"""The classifier that judges a dataset's images, trained once and kept."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.evaluation.real_images import RealImages
from release.features.classifier import (
    NAME,
    RECIPE,
    ImageClassifier,
    load_classifier,
    save_classifier,
)
from release.features.classifier_training import IMAGES_TO_SEE, train_classifier


def cached_classifier(
    images: RealImages, seed: int, cache: Path, images_to_see: int = IMAGES_TO_SEE
) -> ImageClassifier:
    """Load the classifier of these images, or train and keep it.

    Args:
        images: The dataset; only its training images are learned from.
        seed: See `train_classifier`.
        cache: Folder for the weights; they are derived from the images, so it is private.
        images_to_see: See `train_classifier`.
    """
    dataset = f"{images.fingerprint[:16]}-{images.image_size}px"
    kept = cache / f"{NAME}-{RECIPE}-{dataset}-{images_to_see}-{seed}.safetensors"
    if kept.exists():
        return load_classifier(kept)
    classifier = train_classifier(images.training, len(images.classes), seed, images_to_see)
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = kept.with_suffix(f".{os.getpid()}")
    save_classifier(written, classifier)
    written.replace(kept)
    return classifier
