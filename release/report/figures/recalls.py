"""How many planted near-duplicates the detector found: a dot for each kind, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

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


@page_style()
def control_recalls(controls: Sequence[Control], required_recall: float | None) -> Drawing:
    """Draw the recall of each control, and the line the required ones have to reach."""
    figure, axes = canvas(height_inches=0.9 + 0.27 * len(controls))
    rows = range(len(controls) - 1, -1, -1)
    if required_recall is not None:
        axes.axvline(required_recall, color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
    for row, control in zip(rows, controls, strict=True):
        axes.plot(
            _bounds(control.recall),
            [row, row],
            color=REAL,
            linewidth=1.6,
            zorder=2,
            clip_on=False,
        )
        axes.plot(
            [_share(control)],
            [row],
            "o",
            markersize=6,
            markeredgecolor=REAL,
            markerfacecolor=REAL if control.required else PAPER,
            zorder=3,
            clip_on=False,
        )
    axes.set_yticks(list(rows), [control.name for control in controls])
    axes.set(xlim=(0, 1), ylim=(-0.6, len(controls) - 0.4))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlabel("found among those planted", color=INK)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.tick_params(axis="y", length=0)
    title = "Recall of the detector on planted near-duplicates"
    return draw(figure, "recalls", title, _seen(controls, required_recall))


def _seen(controls: Sequence[Control], required_recall: float | None) -> str:
    required = [control for control in controls if control.required]
    kinds = "kind" if len(controls) == 1 else "kinds"
    sentences = [f"One dot for each kind of near-duplicate, {len(controls)} {kinds}."]
    if required:
        least = min(required, key=_share)
        sentences.append(
            f"The least found of those whose recall counts is {least.name}, with "
            f"{percent(_share(least), 3)}."
        )
    if required and required_recall is not None:
        short = sum(_share(control) < required_recall for control in required)
        sentences.append(
            f"{short} of {len(required)} such dots lie left of the line at "
            f"{percent(required_recall, 3)}."
        )
    sentences.extend(
        f"{control.name}, whose recall is only reported: {percent(_share(control), 3)}."
        for control in controls
        if not control.required
    )
    return " ".join(sentences)


def _bounds(recall: Interval) -> tuple[float, float]:
    return (0.0 if recall.low is None else recall.low, 1.0 if recall.high is None else recall.high)


def _share(control: Control) -> float:
    return control.found / control.planted if control.planted else 0.0
