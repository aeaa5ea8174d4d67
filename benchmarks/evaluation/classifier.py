"""The classifier that judges a dataset's films, trained once and kept."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.evaluation.real_films import RealFilms
from release.classifier import FilmClassifier
from release.classifier_files import NAME, RECIPE, load_classifier, save_classifier
from release.classifier_training import IMAGES_TO_SEE, train_classifier


def cached_classifier(
    films: RealFilms, seed: int, cache: Path, images_to_see: int = IMAGES_TO_SEE
) -> FilmClassifier:
    """Load the classifier of these films, or train and keep it.

    Args:
        films: The dataset; only its training films are learned from.
        seed: See `train_classifier`.
        cache: Folder for the weights; they are derived from the films, so it is private.
        images_to_see: See `train_classifier`.
    """
    dataset = f"{films.fingerprint[:16]}-{films.image_size}px"
    kept = cache / f"{NAME}-{RECIPE}-{dataset}-{images_to_see}-{seed}.safetensors"
    if kept.exists():
        return load_classifier(kept)
    classifier = train_classifier(films.training, len(films.classes), seed, images_to_see)
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = kept.with_suffix(f".{os.getpid()}")
    save_classifier(written, classifier)
    written.replace(kept)
    return classifier
