"""How many planted copies the detectors found: a dot for each kind, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from release.report.copy_kinds import by_recall, share_found
from release.report.figures.drawing import (
    GRID,
    INK,
    MUTED,
    PAPER,
    REAL,
    Drawing,
    canvas,
    draw,
    page_style,
)
from release.report.gate_summary import Control
from release.report.numerals import percent
from release.report.parts import Interval

_ROW_INCHES = 0.19


@page_style()
def control_recalls(controls: Sequence[Control], min_recall: float | None) -> Drawing:
    """Draw the recall of each kind, the best found on top, and the line that claimed ones reach."""
    figure, axes = canvas(height_inches=0.9 + _ROW_INCHES * len(controls))
    ordered = by_recall(controls)
    rows = range(len(ordered) - 1, -1, -1)
    if min_recall is not None:
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
    axes.set_xlabel("found among those planted", color=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    title = "Recall of planted copies, by kind"
    return draw(figure, "recalls", title, _seen(ordered, min_recall))


def _seen(ordered: Sequence[Control], min_recall: float | None) -> str:
    num_claimed = sum(control.claimed for control in ordered)
    at = "" if min_recall is None else f", at or right of the line at {percent(min_recall, 3)}"
    least = ordered[-1]
    return (
        f"One dot for each kind of copy that was planted, the best found on top: {num_claimed} of "
        f"{len(ordered)} are looked for{at}. The least found is {least.name}, with "
        f"{percent(share_found(least), 3)}."
    )


def _bounds(recall: Interval) -> tuple[float, float]:
    return (0.0 if recall.low is None else recall.low, 1.0 if recall.high is None else recall.high)
