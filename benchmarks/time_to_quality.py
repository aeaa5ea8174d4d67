"""What do images look like after so many minutes of training: ours against each peer's?

    python -m benchmarks.time_to_quality --data FOLDER --store DIR [--marks 600 1200] [--parallel 2]
    python -m benchmarks.time_to_quality --data FOLDER --store DIR --judge-only

Every contestant (`benchmarks/peers/`) gets the same images, threads and seconds of processor time,
and draws as many images of each class; the judge of `benchmarks.quality` then measures all of them
alike. Peers that know no classes train one model for each, on an equal part of the time; peers
whose networks support conditioning on the class use it, even where their example does not.

Drawn images are derived from real ones: they stay in the store, outside the repository. A run skips
what lies there, so it can be broken off and resumed, or begun on one day and judged on another.
The peers' environment comes from `make peers`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.evaluation.classifier import cached_classifier
from benchmarks.evaluation.contest import ENTRANTS, PEERS_PYTHON, Entrant, run_side_by_side, runs
from benchmarks.evaluation.contest_report import (
    Drawn,
    controls_table,
    figures_table,
    judged,
    ratios,
    ratios_table,
    write_contest,
)
from benchmarks.evaluation.judge import Judge, Row
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.private_folder import cache_folder, refuse_unignored
from benchmarks.evaluation.real_images import RealImages, load, phantoms
from radiographs.ingest import FolderSource
from release.features.classifier_training import IMAGES_TO_SEE

RESULTS = Path(__file__).parent / "results" / "time_to_quality.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    refuse_unignored(options.store)
    entrants = [each for each in ENTRANTS if each.name in options.only]
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    images = load(source, options.image_size)
    store = options.store / f"{images.fingerprint[:16]}-{images.image_size}px"
    if not options.judge_only:
        _refuse_absent_peers(entrants)
        _compete(entrants, images, store, options)

    classifier = cached_classifier(images, 0, cache_folder(), options.classifier_images)
    judge = Judge(images, classifier)
    controls = judge.controls(options.per_class)
    drawn, rows = _judged(judge, store, entrants, options)
    found = ratios(entrants, drawn, rows)
    about = {
        **conditions(),
        "torch_threads": options.threads,
        "runs_at_once": options.parallel,
        "dataset": images.fingerprint[:16],
        "seed": options.seed,
        "image_size": images.image_size,
        "images_per_class": options.per_class,
    }
    contestants = [judged(each, rows[each.title]) for each in drawn]
    write_contest(options.output, about, controls, contestants, found)
    tables = figures_table(drawn, rows), ratios_table(found), controls_table(controls)
    print("\n" + "\n\n".join(tables))


def _compete(
    entrants: Sequence[Entrant], images: RealImages, store: Path, options: argparse.Namespace
) -> None:
    store.mkdir(parents=True, exist_ok=True)
    to_learn_from = store / "images.npz"
    training = images.training
    np.savez(to_learn_from, pixels=training.pixels, labels=training.labels, classes=images.classes)
    marks = [f"{mark:g}" for mark in options.marks]
    common = [
        *("--images", str(to_learn_from.resolve()), "--store", str(store.resolve())),
        *("--marks", *marks, "--per-class", str(options.per_class)),
        *("--seed", str(options.seed), "--threads", str(options.threads)),
    ]
    cores = sorted(os.sched_getaffinity(0))[: options.parallel] if options.threads == 1 else None
    run_side_by_side(runs(entrants, common), cores)


def _judged(
    judge: Judge, store: Path, entrants: Sequence[Entrant], options: argparse.Namespace
) -> tuple[list[Drawn], dict[str, list[Row]]]:
    names = {each.name for each in entrants}
    marks = set(options.marks)
    paths = sorted(store.glob(f"*.seed{options.seed}.npz"))
    drawn = [Drawn.read(path) for path in paths]
    drawn = [each for each in drawn if each.name in names and each.mark in marks]
    if not drawn:
        raise SystemExit(f"{store} holds no images of these contestants at these marks.")
    rows = {}
    for each in drawn:
        print(f"judging {each.title}", file=sys.stderr, flush=True)
        rows[each.title] = judge.synthetic(each.title, each.pixels, each.labels)
    return drawn, rows


def _refuse_absent_peers(entrants: Sequence[Entrant]) -> None:
    if not PEERS_PYTHON.exists() and not all(each.is_ours for each in entrants):
        raise SystemExit(f"{PEERS_PYTHON} is missing: run `make peers`, or name ours with --only.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_quality",
        description=(__doc__ or "").partition("\n")[0],
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--image-size", type=int, choices=(64, 128), default=64)
    parser.add_argument(
        "--store", type=Path, default=cache_folder() / "contest", metavar="DIR", help="drawn images"
    )
    names = [each.name for each in ENTRANTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--marks", type=float, nargs="+", default=[600, 1200], metavar="SECONDS")
    parser.add_argument("--per-class", type=int, default=100, help="images to draw of each class")
    parser.add_argument("--threads", type=int, default=1, help="of each run")
    parser.add_argument(
        "--parallel", type=int, default=1, help="runs at once, each on a core of its own"
    )
    parser.add_argument("--judge-only", action="store_true", help="measure what lies in the store")
    parser.add_argument(
        "--classifier-images", type=int, default=IMAGES_TO_SEE, help="fewer for a trial"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
