"""The metrics of fidelity. One that is added here is measured, reported and explained.

Each is measured of the set and, as its floor, of as many real test images, which is what a perfect
model would score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.nn.image_losses import WINDOW
from release.fidelity.compare import ReadImages, SetComparison
from release.fidelity.frechet import frechet_estimate
from release.fidelity.kid import kid
from release.fidelity.ms_ssim import similarity_within
from release.stats.estimate import Estimate
from release.stats.intervals import average, mean, proportion


@dataclass(frozen=True)
class FidelityMetric:
    """One metric.

    Attributes:
        name: Its key in results and reports.
        title: What tables call it.
        description: What it measures, with its source; Markdown.
        measure: None where there are too few images.
    """

    name: str
    title: str
    description: str
    measure: Callable[[SetComparison], Estimate | None]


@dataclass(frozen=True)
class MetricGroup:
    """Metrics that stand in one table.

    Attributes:
        name: Names the table within a page.
        caption: What the table shows, and how to read it.
        metrics: In the order of its columns.
        of_extractor: Whether they depend on the network whose features are compared.
    """

    name: str
    caption: str
    metrics: tuple[FidelityMetric, ...]
    of_extractor: bool = True


def measure_all(comparison: SetComparison) -> dict[str, Estimate | None]:
    """Measure images by every metric; None where they are too few for it."""
    return {metric.name: metric.measure(comparison) for metric in METRICS}


def label_agreement(images: ReadImages, labels: list[int]) -> Estimate:
    """Estimate how often the classifier agrees with the labels, every class weighing the same."""
    shares = [images.of(label) for label in labels]
    return average([proportion(float(each.agrees.mean()), each.num_patients()) for each in shares])


def _kid(comparison: SetComparison) -> Estimate | None:
    if not comparison.has_all_classes:
        return None
    labels = comparison.holdout.labels()
    x, y = (
        [each.of(label).sample() for label in labels]
        for each in (comparison.images, comparison.holdout)
    )
    return kid(x, y, comparison.rng)


def _fd(comparison: SetComparison) -> Estimate | None:
    if not comparison.is_large:
        return None
    ours, holdout = comparison.evened, comparison.holdout
    return frechet_estimate(
        ours.features, holdout.features, ours.images.patients, holdout.images.patients
    )


def _precision(comparison: SetComparison) -> Estimate | None:
    if not comparison.is_large:
        return None
    precise = comparison.neighbourhoods.precision
    return proportion(float(precise.mean()), comparison.evened.num_patients())


def _recall(comparison: SetComparison) -> Estimate | None:
    if not comparison.is_large:
        return None
    recalled = comparison.neighbourhoods.recall
    return proportion(float(recalled.mean()), comparison.holdout.num_patients())


def _density(comparison: SetComparison) -> Estimate | None:
    return mean(comparison.neighbourhoods.density) if comparison.is_large else None


def _coverage(comparison: SetComparison) -> Estimate | None:
    if not comparison.is_large:
        return None
    covered = comparison.neighbourhoods.coverage
    return proportion(float(covered.mean()), comparison.holdout.num_patients())


def _ms_ssim(comparison: SetComparison) -> Estimate | None:
    if not comparison.is_large:
        return None
    by_class = [comparison.evened.of(label) for label in comparison.holdout.labels()]
    size = comparison.evened.images.pixels.shape[-1]
    if size < WINDOW or min(each.num_patients() for each in by_class) < 2:
        return None
    pairs = [
        similarity_within(each.images.pixels, each.images.patients, comparison.rng)
        for each in by_class
    ]
    return mean(np.concatenate(pairs))


def _agreement(comparison: SetComparison) -> Estimate | None:
    labels = comparison.images.labels()
    return label_agreement(comparison.images, labels) if labels else None


KID = FidelityMetric(
    "kid",
    "KID",
    "squared maximum mean discrepancy with a cubic polynomial kernel, unbiased, over all images, "
    "all classes weighing the same; pairs of one patient are left out (Bińkowski et al. 2018, "
    "arXiv:1801.01401)",
    _kid,
)
AGREEMENT = FidelityMetric(
    "agreement",
    "Label agreement",
    "how often a classifier of real images predicts the class that was asked for",
    _agreement,
)
METRIC_GROUPS = (
    MetricGroup(
        "distance",
        "Distance between synthetic and real images; smaller is better",
        (
            KID,
            FidelityMetric(
                "fd",
                "FD",
                "Fréchet distance between two Gaussians fitted to the features; biased upwards "
                "where images are few, so it compares with its floor alone (Heusel et al. 2017, "
                "arXiv:1706.08500)",
                _fd,
            ),
        ),
    ),
    MetricGroup(
        "prdc",
        "Realism (precision, density) and coverage of the real images (recall, coverage); larger "
        "is better",
        (
            FidelityMetric(
                "precision",
                "Precision",
                "share of the images within the k-nearest-neighbour ball of a real one "
                "(Kynkäänniemi et al. 2019, arXiv:1904.06991)",
                _precision,
            ),
            FidelityMetric(
                "recall",
                "Recall",
                "share of the real images within the k-nearest-neighbour ball of one of these "
                "(the same)",
                _recall,
            ),
            FidelityMetric(
                "density",
                "Density",
                "number of real k-nearest-neighbour balls around an image, over k; about 1 at best "
                "(Naeem et al. 2020, arXiv:2002.09797)",
                _density,
            ),
            FidelityMetric(
                "coverage",
                "Coverage",
                "share of the real images that have one of these within their own "
                "k-nearest-neighbour ball (the same)",
                _coverage,
            ),
        ),
    ),
    MetricGroup(
        "diversity",
        "Variety within a class (MS-SSIM between images: smaller is more varied) and agreement of "
        "a classifier with the label asked for",
        (
            FidelityMetric(
                "ms_ssim",
                "MS-SSIM",
                "multi-scale structural similarity between images of one class; high values mean "
                "little variety (Wang, Simoncelli and Bovik 2003, "
                "doi:10.1109/ACSSC.2003.1292216)",
                _ms_ssim,
            ),
            AGREEMENT,
        ),
        of_extractor=False,
    ),
)
METRICS: tuple[FidelityMetric, ...] = tuple(
    each for group in METRIC_GROUPS for each in group.metrics
)
