"""The figures as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.evaluation.judge import Row
from release.stats.estimate import Estimate

COLUMNS = ("images", "class", "n", "KID [95 %]", "as labelled [95 %]", "near", "nearer than ever")
EXPLANATION = """\
KID to the held-out images, on a classifier's features: unbiased, so it may fall below 0; [95 %] by
bootstrap, images and held-out images drawn anew group by group; for held-out images it is that
between random halves of them. "as labelled": share that the classifier assigns to the label asked
for, with Wilson's interval; for held-out images that is the classifier's own accuracy. "near":
share closer to a training image than 99 of 100 held-out images are; "nearer than ever": than all of
them are. Row "all" weighs every class the same. Training images show what copying would give."""


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in Markdown, aligned for reading in a terminal."""
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| "
        + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        + " |"
        for line in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def cost_table(costs: Mapping[str, Mapping[str, Any]]) -> str:
    """Lay out what each model took."""
    lines = ["| images | training s | images seen | sampling images/s |", "|---|---|---|---|"]
    for name, cost in costs.items():
        trained = "-", "-"
        if "training_seconds" in cost:
            trained = f"{cost['training_seconds']:.0f}", f"{cost['images_seen']}"
        cells = (name, *trained, f"{cost['sampling_images_per_second']:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(
    path: Path,
    conditions: Mapping[str, Any],
    rows: Sequence[Row],
    costs: Mapping[str, Mapping[str, Any]],
) -> None:
    """Write the figures, and only figures, as JSON."""
    content = {
        "conditions": dict(conditions),
        "costs": {name: dict(cost) for name, cost in costs.items()},
        "rows": [asdict(row) for row in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(content), indent=1) + "\n", encoding="utf-8")


def interval(estimate: Estimate, style: str) -> str:
    """Write an estimate and its interval."""
    return f"{estimate.value:{style}} [{estimate.low:{style}}, {estimate.high:{style}}]"


def rounded(content: Any) -> Any:
    """Round all fractions to six digits, however deep they lie; what is not finite becomes None."""
    if isinstance(content, dict):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [rounded(value) for value in content]
    if isinstance(content, float):
        return float(f"{content:.6g}") if math.isfinite(content) else None
    return content


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.images,
        row.label,
        str(row.num_images),
        interval(row.kid, ".3f" if abs(row.kid.value) < 100 else ".0f"),
        interval(row.agreement, ".1%"),
        f"{row.near.value:.1%}",
        f"{row.nearer_than_ever:.1%}",
    )
