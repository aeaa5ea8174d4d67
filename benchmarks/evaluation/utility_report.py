"""Figures of utility as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.evaluation.report import rounded
from benchmarks.evaluation.scores import Comparison
from release.stats.estimate import Estimate

EXPLANATION = """\
[95 %] of a score and of a gain: Student's interval over the seeds of the classifier, of a gain
paired seed by seed. {95 %}: the same gain when the held-out images, group by group, are drawn anew
(percentile bootstrap). Neither holds the chance of training the generative model anew."""


@dataclass(frozen=True)
class Row:
    """One way to train a classifier.

    Attributes:
        trained_on: What the classifier has learned from.
        score: Its mean over the seeds.
        gains: How much more that is than training otherwise gave, by the other way's name.
    """

    trained_on: str
    score: Estimate
    gains: Mapping[str, Comparison] = field(default_factory=dict)


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in Markdown, in points of a hundred."""
    others = list(dict.fromkeys(name for row in rows for name in row.gains))
    heads = ["trained on", "score [95 %]", *(f"gain on {name} [95 %] {{95 %}}" for name in others)]
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    for row in rows:
        gains = [_gain(row.gains[name]) if name in row.gains else "" for name in others]
        lines.append("| " + " | ".join([row.trained_on, _score(row.score), *gains]) + " |")
    return "\n".join(lines)


def write_part(
    path: Path, part: str, conditions: Mapping[str, object], rows: Sequence[Row]
) -> None:
    """Write the figures of one part, and only figures, beside those of the others."""
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    content[part] = rounded({"conditions": dict(conditions), "rows": [asdict(row) for row in rows]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _score(estimate: Estimate) -> str:
    value, low, high = (100 * each for each in (estimate.value, estimate.low, estimate.high))
    return f"{value:.1f} [{low:.1f}, {high:.1f}]"


def _gain(comparison: Comparison) -> str:
    seeds, images = comparison.over_seeds, comparison.over_images
    signed = [100 * each for each in (seeds.value, seeds.low, seeds.high, images.low, images.high)]
    return "{:+.1f} [{:+.1f}, {:+.1f}] {{{:+.1f}, {:+.1f}}}".format(*signed)
