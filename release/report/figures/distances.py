"""How far images lie from the nearest training image: held-out images against synthetic ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from release.report.figures.drawing import (
    GRID,
    INK,
    REAL,
    SYNTHETIC,
    Drawing,
    canvas,
    draw,
    page_style,
)
from release.report.gate_summary import Histograms
from release.report.numerals import percent, significant


@page_style()
def distance_histograms(histograms: Histograms) -> Drawing:
    """Draw both histograms as densities, so that bins of different widths compare."""
    edges = histograms.edges
    figure, axes = canvas(height_inches=2.9)
    real = _density(histograms.real_to_real, edges)
    synthetic = _density(histograms.synthetic_to_real, edges)
    axes.stairs(real, edges, fill=True, color=REAL, alpha=0.3, linewidth=0)
    axes.stairs(real, edges, color=REAL, linewidth=1.2, label="held-out real images")
    axes.stairs(
        synthetic, edges, color=SYNTHETIC, linewidth=1.8, linestyle="--", label="synthetic images"
    )
    axes.set_xlabel(
        "distance to the nearest training image,\nin units of the distance to unseen images",
        color=INK,
    )
    axes.set_ylabel("share of images per unit", color=INK)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, None))
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(
        frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0
    )
    title = "Distances to the nearest training image"
    return draw(figure, "distances", title, _seen(histograms))


def _density(counts: Sequence[float], edges: Sequence[float]) -> list[float]:
    total = sum(counts) or 1.0
    widths = [right - left for left, right in pairwise(edges)]
    return [images / total / width for images, width in zip(counts, widths, strict=True)]


def _seen(histograms: Histograms) -> str:
    edges = histograms.edges
    real = _median(histograms.real_to_real, edges)
    synthetic = _median(histograms.synthetic_to_real, edges)
    nearer = sum(
        images
        for images, right in zip(histograms.synthetic_to_real, edges[1:], strict=True)
        if right <= _first_occupied(histograms)
    ) / sum(histograms.synthetic_to_real)
    return (
        f"Half of the held-out real images lie within {significant(real)} of a training image, in "
        "units of their distance to unseen images, and half of the synthetic images within "
        f"{significant(synthetic)}, read off the bins. {percent(nearer)} of the synthetic images "
        "lie in bins nearer than any held-out image's."
    )


def _median(counts: Sequence[float], edges: Sequence[float]) -> float:
    half, below = sum(counts) / 2, 0.0
    for images, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        if below + images >= half:
            return left + (right - left) * (half - below) / images if images else right
        below += images
    return edges[-1]


def _first_occupied(histograms: Histograms) -> float:
    """Return where the first bin begins that holds a held-out image."""
    return next(
        (
            left
            for images, left in zip(histograms.real_to_real, histograms.edges[:-1], strict=True)
            if images
        ),
        histograms.edges[-1],
    )
