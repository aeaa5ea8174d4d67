"""What of a report may be shown: aggregates, never the distance of a single image.

A bin of a histogram that holds one image is that image's distance. Bins are merged until each is
empty or holds at least five images of either kind, for sets that leave and for refused ones alike.

Reference: the threshold rule for frequency tables; Hundepool et al. 2012, Statistical Disclosure
Control, section 5.2.
"""

from __future__ import annotations

from release.gate.public_result import Histograms
from release.report.schema import Report

FEWEST_IMAGES = 5
ROUNDED_TO = 10


def disclosed(report: Report) -> Report:
    """Return the report as its documents show it, its mappings in the order of their keys."""
    histograms = report.gate.histograms
    gate = report.gate.model_copy(update={"histograms": histograms and merged_bins(histograms)})
    shown = report.model_copy(update={"gate": gate})
    return Report.from_json(shown.to_json())


def merged_bins(histograms: Histograms) -> Histograms | None:
    """Merge neighbouring bins until none holds just a few images.

    Returns:
        The histograms on fewer edges, or None where all images together are too few, or none.
    """
    bins: list[tuple[float, float, float]] = []  # left edge, real images, synthetic images
    left, real, synthetic = histograms.edges[0], 0.0, 0.0
    for right, num_real, num_synthetic in zip(
        histograms.edges[1:], histograms.real_to_real, histograms.synthetic_to_real, strict=True
    ):
        real, synthetic = real + num_real, synthetic + num_synthetic
        if _shows_nobody(real, synthetic):
            bins.append((left, real, synthetic))
            left, real, synthetic = right, 0.0, 0.0
    while bins and not _shows_nobody(real, synthetic):  # what is left over joins the bins before it
        left, num_real, num_synthetic = bins.pop()
        real, synthetic = real + num_real, synthetic + num_synthetic
    if not _shows_nobody(real, synthetic):
        return None
    if real or synthetic:
        bins.append((left, real, synthetic))
    if not bins:
        return None
    lefts, reals, synthetics = zip(*bins, strict=True)
    return Histograms(
        edges=(*lefts, histograms.edges[-1]),
        real_to_real=reals,
        synthetic_to_real=synthetics,
    )


def _shows_nobody(*bins: float) -> bool:
    return all(images == 0 or images >= FEWEST_IMAGES for images in bins)


def rounded_count(count: int) -> int:
    """Round a number of real images to tens, so that one patient more or less hardly shows."""
    return round(count / ROUNDED_TO) * ROUNDED_TO
