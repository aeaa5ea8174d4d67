"""How well an attack tells who was in the training set: its receiver operating characteristic."""

from __future__ import annotations

from release.report.figures.drawing import (
    GRID,
    INK,
    MUTED,
    SYNTHETIC,
    Drawing,
    canvas,
    draw,
    page_style,
)
from release.report.gate_summary import Membership
from release.report.numerals import estimate, estimated_percent, percent


@page_style()
def membership_curve(membership: Membership) -> Drawing:
    """Draw the curve with its band, and the diagonal of an attack that only guesses."""
    roc = membership.roc
    figure, axes = canvas(height_inches=4.0)
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle=(0, (4, 3)), linewidth=1)
    axes.fill_between(roc.fpr, roc.low, roc.high, color=SYNTHETIC, alpha=0.22, linewidth=0)
    axes.plot(roc.fpr, roc.tpr, color=SYNTHETIC, linewidth=1.8)
    axes.text(0.62, 0.5, "guessing", color=MUTED, rotation=0)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes.set_xlabel("held-out images called members", color=INK)
    axes.set_ylabel("training images called members", color=INK)
    axes.grid(color=GRID, linewidth=0.6)
    return draw(figure, "membership", "ROC curve of the membership attack", _seen(membership))


def _seen(membership: Membership) -> str:
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
        "certainty. At 1 % of the held-out images wrongly called members, the attack "
        f"recognises {found} of the training images. The curve is farthest above the diagonal at a "
        f"false positive rate of {percent(highest[0])}, where the true positive rate is "
        f"{percent(highest[1])}. {band}"
    )
