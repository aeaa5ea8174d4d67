"""The plots of a report, as inline SVG: the same bytes each time, in the page's colours.

Matplotlib draws it, through its objects alone. Colours are written as CSS variables of the page, so
that a plot is as readable in the dark and in print as the text around it. Letters stay text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from release.gate.public_result import Histograms, MembershipAttack, PublishedControl
from release.report.copy_kinds import by_recall, share_found
from release.report.text import estimate, estimated_percent, percent, significant
from release.stats.estimate import Estimate

# stand-ins that no other colour equals, and the variables of the page they become
INK, MUTED, GRID, REAL, SYNTHETIC, PAPER = (f"#01020{digit}" for digit in range(3, 9))
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    REAL: "var(--real)",
    SYNTHETIC: "var(--synthetic)",
    PAPER: "var(--paper)",
}
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "synthcxr",  # or ids would be random
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.family": "DejaVu Sans",  # comes with matplotlib, so the layout is the same everywhere
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}
WIDTH_INCHES = 4.6
_ROW_INCHES = 0.19


@dataclass(frozen=True)
class Drawing:
    """A plot for the page.

    Attributes:
        name: Its id in the page.
        title: What it is, in a few words; the SVG's accessible name.
        seen: What is to be seen in it, in sentences with its numbers; the text alternative.
        svg: The inline SVG.
    """

    name: str
    title: str
    seen: str
    svg: Markup


@contextmanager
def _page_style() -> Iterator[None]:
    """Draw in this style, whatever the settings of the host; a decorator."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


@_page_style()
def distance_histograms(histograms: Histograms) -> Drawing:
    """Draw both histograms as densities, so that bins of different widths compare."""
    edges = histograms.edges
    figure, axes = _canvas(height_inches=2.9)
    real = _density(histograms.real_to_real, edges)
    synthetic = _density(histograms.synthetic_to_real, edges)
    axes.stairs(real, edges, fill=True, color=REAL, alpha=0.3, linewidth=0)
    axes.stairs(real, edges, color=REAL, linewidth=1.2, label="holdout images")
    axes.stairs(
        synthetic, edges, color=SYNTHETIC, linewidth=1.8, linestyle="--", label="synthetic images"
    )
    axes.set_xlabel(
        "distance to the nearest training image,\nin units of the distance to holdout images",
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
    return _draw(figure, "distances", title, _distances_seen(histograms))


def _density(counts: Sequence[float], edges: Sequence[float]) -> list[float]:
    total = sum(counts) or 1.0
    widths = [right - left for left, right in pairwise(edges)]
    return [images / total / width for images, width in zip(counts, widths, strict=True)]


def _distances_seen(histograms: Histograms) -> str:
    edges = histograms.edges
    real = _median(histograms.real_to_real, edges)
    synthetic = _median(histograms.synthetic_to_real, edges)
    nearer = sum(
        images
        for images, right in zip(histograms.synthetic_to_real, edges[1:], strict=True)
        if right <= _first_occupied(histograms)
    ) / sum(histograms.synthetic_to_real)
    return (
        f"Half of the holdout images lie within {significant(real)} of a training image, in "
        "units of their distance to holdout images, and half of the synthetic images within "
        f"{significant(synthetic)}, read off the bins. {percent(nearer)} of the synthetic images "
        "lie in bins nearer than any holdout image's."
    )


def _median(counts: Sequence[float], edges: Sequence[float]) -> float:
    half, below = sum(counts) / 2, 0.0
    for images, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        if below + images >= half:
            return left + (right - left) * (half - below) / images if images else right
        below += images
    return edges[-1]


def _first_occupied(histograms: Histograms) -> float:
    """Return where the first bin begins that holds a holdout image."""
    return next(
        (
            left
            for images, left in zip(histograms.real_to_real, histograms.edges[:-1], strict=True)
            if images
        ),
        histograms.edges[-1],
    )


@_page_style()
def membership_curve(membership: MembershipAttack) -> Drawing:
    """Draw the curve with its band, and the diagonal of an attack that only guesses."""
    roc = membership.roc
    figure, axes = _canvas(height_inches=4.0)
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
    axes.fill_between(roc.fpr, roc.low, roc.high, color=SYNTHETIC, alpha=0.22, linewidth=0)
    axes.plot(roc.fpr, roc.tpr, color=SYNTHETIC, linewidth=1.8)
    axes.text(0.62, 0.5, "guessing", color=MUTED, rotation=0)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xlabel("holdout images called members", color=INK)
    axes.set_ylabel("training images called members", color=INK)
    axes.grid(color=GRID, linewidth=0.6)
    return _draw(
        figure, "membership", "ROC curve of the membership attack", _membership_seen(membership)
    )


def _membership_seen(membership: MembershipAttack) -> str:
    roc, found = membership.roc, estimated_percent(membership.tpr_at_1_percent_fpr)
    points = list(zip(roc.fpr, roc.tpr, roc.low, strict=True))
    highest = max(points, key=lambda point: point[1] - point[0])
    above = [fpr for fpr, _, low in points if low > fpr]
    band = (
        "The band of the curve takes in the diagonal of guessing, or lies below it, everywhere."
        if not above
        else "The band of the curve lies above the diagonal of guessing from a false positive rate "
        f"of {percent(min(above))} to {percent(max(above))}."
    )
    return (
        f"The area under the curve is {estimate(membership.auc)}, where 0.5 is guessing and 1 is "
        "certainty. At 1 % of the holdout images wrongly called members, the attack "
        f"recognises {found} of the training images. The curve is farthest above the diagonal at a "
        f"false positive rate of {percent(highest[0])}, where the true positive rate is "
        f"{percent(highest[1])}. {band}"
    )


@_page_style()
def control_recalls(controls: Sequence[PublishedControl], min_recall: float) -> Drawing:
    """Draw the recall of each kind, the best found on top, and the line that claimed ones reach."""
    figure, axes = _canvas(height_inches=0.9 + _ROW_INCHES * len(controls))
    ordered = by_recall(controls)
    rows = range(len(ordered) - 1, -1, -1)
    axes.axvline(min_recall, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
    for row, control in zip(rows, ordered, strict=True):
        axes.plot(
            _bounds(control.recall),
            [row, row],
            color=REAL,
            linewidth=1.6,
            zorder=2,
            clip_on=False,
        )
        axes.plot(
            [share_found(control)],
            [row],
            "o",
            markersize=5,
            markeredgecolor=REAL,
            markerfacecolor=REAL if control.claimed else PAPER,
            zorder=3,
            clip_on=False,
        )
    axes.set_yticks(list(rows), [control.name for control in ordered])
    axes.set(xlim=(0, 1), ylim=(-0.6, len(ordered) - 0.4))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("share of the controls found", color=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    title = "Recall of positive controls, by kind"
    return _draw(figure, "recalls", title, _recalls_seen(ordered, min_recall))


def _recalls_seen(ordered: Sequence[PublishedControl], min_recall: float) -> str:
    num_claimed = sum(control.claimed for control in ordered)
    least = ordered[-1]
    return (
        f"One dot for each kind of positive control, the best found on top: {num_claimed} of "
        f"{len(ordered)} are looked for, at or right of "
        f"the line at {percent(min_recall, 3)}. The least found is {least.name}, with "
        f"{percent(share_found(least), 3)}."
    )


def _bounds(recall: Estimate) -> tuple[float, float]:
    return (
        recall.low if isfinite(recall.low) else 0.0,
        recall.high if isfinite(recall.high) else 1.0,
    )


def _canvas(height_inches: float) -> tuple[Figure, Axes]:
    """Return an empty figure of the page's width, with one pair of axes."""
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _draw(figure: Figure, name: str, title: str, seen: str) -> Drawing:
    """Turn a figure into SVG whose ids are its own and whose colours are the page's."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font: \1 var(--sans)", text)
    text = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    view_box = re.search(r'viewBox="[^"]+"', text)
    assert view_box is not None
    opening = (
        f'<svg {view_box.group()} role="img" aria-labelledby="{name}-title" '
        f'aria-describedby="{name}-seen" xmlns:xlink="http://www.w3.org/1999/xlink">'
        f'<title id="{name}-title">{escape(title)}</title>'
    )
    body = text[text.index(">") + 1 :]
    svg = re.sub(r"\s*\n\s*", "\n", opening + body)
    return Drawing(name, title, seen, Markup(svg))  # noqa: S704 - every text in it is escaped
