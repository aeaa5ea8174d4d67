"""How good are the images of each family? Train, sample and judge them on real images.

    python -m benchmarks.quality --data FOLDER [--family vae gan ldm] [--seconds 400]
    python -m benchmarks.quality --data FOLDER --images-to-see 25000   on a machine that is shared
    python -m benchmarks.quality --data FOLDER --snapshots DIR     judge what is trained already
        [--sampler name=fast num_steps=2]                          and drawn in another way
    python -m benchmarks.quality --phantoms 2000                   without real images

Prints a table and writes the figures to benchmarks/results/quality.json. Pictures and weights are
derived from the images and go nowhere, unless `--keep` names a folder that git does not take in.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evaluation.classifier import cached_classifier
from benchmarks.evaluation.contact_sheet import save_contact_sheet
from benchmarks.evaluation.families import (
    Cost,
    draw_images,
    setting,
    snapshots_beneath,
    train_family,
)
from benchmarks.evaluation.judge import Judge, Row
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.private_folder import cache_folder, refuse_unignored
from benchmarks.evaluation.real_images import RealImages, load, phantoms
from benchmarks.evaluation.report import EXPLANATION, cost_table, table, write
from models.bases import base_for, folder_of
from models.presets import PRESETS
from models.registry import FAMILIES
from models.snapshot import Snapshot, save_snapshot
from radiographs.ingest import FolderSource
from release.features.classifier_training import IMAGES_TO_SEE

RESULTS = Path(__file__).parent / "results" / "quality.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.keep:
        refuse_unignored(options.keep)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())

    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    with _timed("ingest"):
        images = load(source, options.image_size)
    with _timed("classifier"):
        classifier = cached_classifier(
            images, options.seed, cache_folder(), options.classifier_images
        )
    num_per_class = max(2, options.images // len(images.classes))
    with _timed("floor and ceilings"):
        judge = Judge(images, classifier, options.seed)
        rows = judge.controls(num_per_class)

    about = {
        **conditions(),
        "dataset": images.fingerprint[:16],
        "seed": options.seed,
        "image_size": options.image_size,
        "preset": None if options.snapshots else options.preset,
        "config": dict(options.config),
        "sampler": dict(options.sampler),
    }
    costs: dict[str, Cost] = {}
    for name, snapshot, cost in _snapshots(options, images):
        labels = np.repeat(np.arange(len(snapshot.classes)), num_per_class)
        pixels, seconds = draw_images(snapshot, labels, options.seed, dict(options.sampler))
        costs[name] = {**cost, "sampling_images_per_second": len(labels) / seconds}
        with _timed(f"judging {name}"):
            found = judge.synthetic(name, pixels, labels)
        print(table(found), flush=True)
        rows += found
        if options.keep:
            folder = options.keep / name
            folder.mkdir(parents=True, exist_ok=True)
            save_snapshot(folder, snapshot.family, snapshot.classes, snapshot.model)
            save_contact_sheet(folder / "contact-sheet.png", pixels, labels)
        write(options.output, about, rows, costs)
    _report(about, rows, costs)


def _snapshots(
    options: argparse.Namespace, images: RealImages
) -> Iterator[tuple[str, Snapshot, Cost]]:
    """Train each family, or load what is trained already."""
    if options.snapshots:
        for name, snapshot in snapshots_beneath(
            options.snapshots, images.classes, images.image_size
        ):
            yield name, snapshot, {}
        return
    for family in options.family:
        base = base_for(family, images.image_size) if options.warm else None
        trained = train_family(
            family,
            images.training,
            images.classes,
            options.preset,
            None if options.images_to_see else options.seconds,
            options.seed,
            num_images=options.images_to_see,
            init_from=folder_of(base) if base else None,
            overrides=dict(options.config),
        )
        yield f"{family} from {base}" if base else family, *trained


def _report(about: dict[str, Any], rows: Sequence[Row], costs: dict[str, Cost]) -> None:
    print("\n" + table(rows) + "\n\n" + EXPLANATION)
    if costs:
        print("\n" + cost_table(costs))
    print("\n" + ", ".join(f"{name} {value}" for name, value in about.items()))


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quality", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--seconds", type=float, default=400, help="training of each family")
    parser.add_argument(
        "--images-to-see", type=int, help="the same, in images: rows with equal work on a busy core"
    )
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument(
        "--config", type=setting, nargs="+", default=[], metavar="KEY=VALUE", help="of the family"
    )
    parser.add_argument(
        "--sampler", type=setting, nargs="+", default=[], metavar="KEY=VALUE", help="of drawing"
    )
    parser.add_argument("--warm", action="store_true", help="start from the bases of the package")
    parser.add_argument("--snapshots", type=Path, metavar="DIR", help="judge these; train nothing")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep snapshots and pictures here")
    parser.add_argument("--images", type=int, default=300, help="images drawn of each model")
    parser.add_argument(
        "--classifier-images", type=int, default=IMAGES_TO_SEE, help="fewer for a trial"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
