"""The outcome of `benchmarks.time_to_quality`: what was drawn, its figures, and their ratios."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluation.contest import Entrant
from benchmarks.evaluation.judge import ALL, Row
from benchmarks.evaluation.ratios import ratio_of_estimates
from benchmarks.evaluation.real_images import Labels, Pixels
from benchmarks.evaluation.report import interval, rounded
from release.stats.estimate import Estimate


@dataclass(frozen=True)
class Drawn:
    """What a contestant drew at a mark.

    Attributes:
        name: The contestant.
        sampler: How it drew them.
        mark: Seconds of training it was allowed.
        images_seen: Images seen in training, counted with repetition.
        training_seconds: Seconds of training it took.
        sampling_seconds: Seconds it took to draw.
        num_parameters: Of what draws the images.
        pixels: (n, size, size).
        labels: (n,).
    """

    name: str
    sampler: str
    mark: float
    images_seen: int
    training_seconds: float
    sampling_seconds: float
    num_parameters: int
    pixels: Pixels
    labels: Labels

    @property
    def title(self) -> str:
        """Name its rows."""
        return f"{self.name}, {self.sampler}, {self.mark:g} s"

    @classmethod
    def read(cls, path: Path) -> Drawn:
        """Read what `benchmarks.peers.contestant` wrote, named NAME.SAMPLER.MARKs.seedN.npz."""
        name, sampler, rest = path.name.split(".", 2)
        with np.load(path) as stored:
            return cls(
                name=name,
                sampler=sampler,
                mark=float(rest.partition("s.seed")[0]),
                images_seen=int(stored["images_seen"]),
                training_seconds=float(stored["training_seconds"]),
                sampling_seconds=float(stored["sampling_seconds"]),
                num_parameters=int(stored["num_parameters"]),
                pixels=stored["pixels"],
                labels=stored["labels"],
            )


@dataclass(frozen=True)
class Ratio:
    """KID of ours over KID of a peer, both over all classes after the same seconds of training."""

    ours: str
    theirs: str
    kid: Estimate


def judged(drawn: Drawn, rows: Sequence[Row]) -> dict[str, Any]:
    """Put cost and figures of one contestant at one mark together."""
    cost = {key: value for key, value in vars(drawn).items() if key not in ("pixels", "labels")}
    per_second = len(drawn.labels) / max(drawn.sampling_seconds, 1e-9)
    return {**cost, "sampling_images_per_second": per_second, "rows": [asdict(row) for row in rows]}


def ratios(
    entrants: Sequence[Entrant], drawn: Sequence[Drawn], rows: Mapping[str, Sequence[Row]]
) -> list[Ratio]:
    """Compare each family with each of its rivals wherever both have drawn at a mark.

    Args:
        entrants: Who competes against whom.
        drawn: What lies in the store.
        rows: The figures by `Drawn.title`.
    """

    def overall(each: Drawn) -> Estimate:
        return next(row.kid for row in rows[each.title] if row.label == ALL)

    return [
        Ratio(ours.title, theirs.title, ratio_of_estimates(overall(ours), overall(theirs)))
        for entrant in entrants
        for ours in drawn
        if ours.name == entrant.name
        for theirs in drawn
        if theirs.name in entrant.rivals and theirs.mark == ours.mark
    ]


def figures_table(drawn: Sequence[Drawn], rows: Mapping[str, Sequence[Row]]) -> str:
    """Lay out the figures over all classes in Markdown, ready for the documentation."""
    lines = [
        "| images | trained | parameters | images seen | KID [95 %] | as labelled [95 %] | near |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in sorted(drawn, key=lambda one: (one.mark, one.name, one.sampler)):
        row = next(row for row in rows[each.title] if row.label == ALL)
        cells = (
            f"{each.name}, {each.sampler}",
            f"{each.training_seconds:.0f} s",
            f"{each.num_parameters / 1e6:.1f} M",
            f"{each.images_seen:,}",
            *_figures(row),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def controls_table(rows: Sequence[Row]) -> str:
    """Lay out the floor and the ceilings over all classes in Markdown."""
    lines = ["| images | KID [95 %] | as labelled [95 %] | near |", "| --- | ---: | ---: | ---: |"]
    overall = [row for row in rows if row.label == ALL]
    lines += ["| " + " | ".join((row.images, *_figures(row))) + " |" for row in overall]
    return "\n".join(lines)


def ratios_table(found: Sequence[Ratio]) -> str:
    """Lay out the ratios in Markdown."""
    lines = ["| ours | peer | KID, ours / peer [at worst 95 %] |", "| --- | --- | ---: |"]
    lines += [f"| {r.ours} | {r.theirs} | {interval(r.kid, '.3f')} |" for r in found]
    return "\n".join(lines)


def write_contest(
    path: Path,
    conditions: Mapping[str, Any],
    controls: Sequence[Row],
    contestants: Sequence[Mapping[str, Any]],
    found: Sequence[Ratio],
) -> None:
    """Write the figures, and only figures, as JSON."""
    content = {
        "conditions": dict(conditions),
        "controls": [asdict(row) for row in controls],
        "contestants": [dict(each) for each in contestants],
        "ratios": [asdict(ratio) for ratio in found],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rounded(content), indent=1) + "\n", encoding="utf-8")


def _figures(row: Row) -> tuple[str, str, str]:
    agreement = row.agreement
    percent = Estimate(100 * agreement.value, 100 * agreement.low, 100 * agreement.high)
    return (
        interval(row.kid, ".3f"),
        interval(percent, ".1f").replace(" ", " % ", 1),
        f"{100 * row.near.value:.1f} %",
    )
