"""Do the gate's metrics find near-duplicates of training films?

    python -m benchmarks.copy_detection --data FOLDER
    python -m benchmarks.copy_detection --phantoms 3800

Films are divided as for a release: T, which models learn from, H, which they never see, and fresh
films. Near-duplicates of films of T are planted, kind by kind. A metric flags a film that is nearer
to T, in units of its own density in H, than all films of H are; the union flags what any metric
flags. Prints a table and writes its figures to benchmarks/results/copy_detection.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from release.metrics.closeness import truly_held_out

from benchmarks.evaluation.copy_recall import (
    NUM_DENSITY_NEIGHBOURS,
    UNION,
    Detector,
    Row,
    folds_of,
    recall,
)
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_films import load, phantoms
from benchmarks.evaluation.report import interval, rounded
from radiographs.ingest import FolderSource
from release.controls.kinds import CONTROLS
from release.films import Folds
from release.metrics.copies import train_copy_metric
from release.metrics.copy_training import Recipe
from release.metrics.metric import Metric
from release.metrics.pixels import PixelMetric

RESULTS = Path(__file__).parent / "results" / "copy_detection.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    films = load(source, options.image_size)
    folds = folds_of(films, options.seed)
    pixels = PixelMetric()
    kept = truly_held_out(pixels, folds, NUM_DENSITY_NEIGHBOURS)
    folds = replace(folds, audit=folds.audit.where(kept))
    started = time.process_time()
    copies = train_copy_metric(folds, seed=options.seed, recipe=Recipe(num_views=options.views))
    training_seconds = time.process_time() - started
    metrics: list[Metric] = [pixels, copies]
    detectors = [Detector(metric, folds) for metric in metrics]
    rows = recall(detectors, folds, CONTROLS, options.planted, options.seed)
    about: dict[str, Any] = {
        **conditions(),
        "dataset": films.fingerprint[:16],
        "image_size": options.image_size,
        "seed": options.seed,
        "T": len(folds.trained),
        "H": len(folds.audit),
        "left out of H": int((~kept).sum()),
        "thresholds": {each.metric.name: each.threshold for each in detectors},
        "training CPU seconds": training_seconds,
        "CPU milliseconds a query": {
            each.name: _milliseconds(each, folds, options.timed) for each in metrics
        },
    }
    _write(options.output, "films" if options.data else "phantoms", about, rows)
    print("\n".join(f"{name}: {value}" for name, value in about.items()), "\n")
    print(table(rows))


def table(rows: Sequence[Row]) -> str:
    """Lay the rows out in Markdown: the share flagged, and the 95th percentile of closeness."""
    names = list(rows[0].closeness)
    head = ["films", "n", *names, UNION, *(f"{name}, 95th percentile" for name in names)]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        shares = [interval(row.flagged[name], ".1%") for name in (*names, UNION)]
        far = [f"{row.closeness[name]:.2f}" for name in names]
        lines.append([row.kind, str(row.num_films), *shares, *far])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _milliseconds(metric: Metric, folds: Folds, num_timed: int) -> float:
    """CPU time to embed a film and search T and H for its neighbours."""
    trained, audit = (metric.embed(fold.pixels) for fold in (folds.trained, folds.audit))
    films = folds.utility.pixels[:num_timed]
    started = time.process_time()
    queries = metric.embed(films)
    metric.nearest(queries, trained, 1)
    metric.nearest(queries, audit, NUM_DENSITY_NEIGHBOURS)
    return 1000 * (time.process_time() - started) / len(films)


def _write(path: Path, part: str, about: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write the figures of one source beside those of the other."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[part] = rounded({"conditions": about, "rows": [asdict(row) for row in rows]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.copy_detection", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled films")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N films instead")
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--planted", type=int, default=200, help="near-duplicates of each kind")
    parser.add_argument("--timed", type=int, default=200, help="queries that are timed")
    parser.add_argument("--views", type=int, default=Recipe().num_views, help="fewer for a trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
