"""How like the held-out images some images are, by every measure."""

from __future__ import annotations

import numpy as np

from models.nn.image_losses import WINDOW
from release.fidelity.frechet import frechet_estimate
from release.fidelity.kid import kid
from release.fidelity.ms_ssim import similarity_within
from release.fidelity.prdc import neighbourhoods
from release.fidelity.results import Likeness
from release.fidelity.sides import MIN_INDEPENDENT, Viewed
from release.stats.intervals import Estimate, average, mean, proportion

MIN_PATIENTS = 20  # of each side of a comparison


def likeness(ours: Viewed, evened: Viewed, audit: Viewed, rng: np.random.Generator) -> Likeness:
    """Compare images with H: all of them by KID, as many as the other side has by the rest."""
    labels = np.unique(audit.images.labels).tolist()
    whole = bool(labels) and all(
        each.of(label).num_patients() >= MIN_INDEPENDENT
        for each in (ours, audit)
        for label in labels
    )
    found = Likeness(
        kid=_kid(ours, audit, labels, rng) if whole else None,
        agreement=agreement(ours, np.unique(ours.images.labels).tolist()),
    )
    if not whole or min(evened.num_patients(), audit.num_patients()) < MIN_PATIENTS:
        return found
    around = neighbourhoods(audit.features, evened.features)
    return Likeness(
        kid=found.kid,
        fd=frechet_estimate(
            evened.features, audit.features, evened.images.patients, audit.images.patients
        ),
        precision=proportion(float(around.precision.mean()), evened.num_patients()),
        recall=proportion(float(around.recall.mean()), audit.num_patients()),
        density=mean(around.density),
        coverage=proportion(float(around.coverage.mean()), audit.num_patients()),
        ms_ssim=_similarity(evened, labels, rng),
        agreement=found.agreement,
    )


def _kid(ours: Viewed, audit: Viewed, labels: list[int], rng: np.random.Generator) -> Estimate:
    x, y = ([each.of(label).sample() for label in labels] for each in (ours, audit))
    return kid(x, y, rng)


def agreement(images: Viewed, labels: list[int]) -> Estimate:
    """Estimate how often the classifier agrees with the labels, every class weighing the same."""
    shares = [images.of(label) for label in labels]
    return average([proportion(float(each.agrees.mean()), each.num_patients()) for each in shares])


def _similarity(images: Viewed, labels: list[int], rng: np.random.Generator) -> Estimate | None:
    by_class = [images.of(label) for label in labels]
    size = images.images.pixels.shape[-1]
    if size < WINDOW or min(each.num_patients() for each in by_class) < 2:
        return None
    pairs = [similarity_within(each.images.pixels, each.images.patients, rng) for each in by_class]
    return mean(np.concatenate(pairs))
