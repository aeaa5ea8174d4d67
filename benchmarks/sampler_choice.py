"""Which options of the sampler give the best images of one model? Chosen without the held-out side.

    python -m benchmarks.sampler_choice --data FOLDER --keep DIR [--num-images 118000]
    python -m benchmarks.sampler_choice --data FOLDER --keep DIR --options '{"guidance": 1.2}'

A fifth of the training side, whole groups, is cut off to choose by. A model and a judging
classifier learn from the rest; the model is kept in `DIR`, and trained once. Each choice draws with
the same noise, so that choices differ by less than their intervals say. `benchmarks.quality`
measures what was chosen on the held-out side, which nothing here has seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evaluation.classifier import cached_classifier
from benchmarks.evaluation.contact_sheet import save_contact_sheet
from benchmarks.evaluation.families import draw_images, train_family
from benchmarks.evaluation.judge import Judge, Row
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.private_folder import cache_folder, refuse_unignored
from benchmarks.evaluation.real_images import RealImages, load, phantoms
from benchmarks.evaluation.report import rounded, table
from models.snapshot import DESCRIPTION, Snapshot, load_snapshot, save_snapshot
from radiographs.ingest import FolderSource
from release.features.classifier_training import IMAGES_TO_SEE

RESULTS = Path(__file__).parent / "results" / "sampler_choice.json"
SHARE = 0.2  # of the training side, to choose by
CHOICES: dict[str, list[dict[str, Any]]] = {
    "ldm": [
        *({"guidance_by": "no_class", "guidance": g} for g in (1.0, 1.3, 1.5, 2.0)),
        {"guidance_by": "no_class", "guidance": 1.5, "guidance_from": 0.2, "guidance_to": 0.8},
        {"guidance_by": "early_snapshot", "guidance": 1.5},
        *({"guidance_by": "early_no_class", "guidance": g} for g in (1.2, 1.3, 1.5, 1.7, 2.0)),
        *({"num_steps": steps} for steps in (6, 16)),
    ],
    "vae": [{"grain": grain} for grain in (0.0, 0.25, 0.5, 0.75, 1.0)],
    "gan": [{"truncation": truncation} for truncation in (0.9, 1.0)],
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    refuse_unignored(options.keep)
    torch.set_num_threads(options.torch_threads)
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    images = load(source, options.image_size).within_training(SHARE)
    snapshot = _trained(images, options)
    classifier = cached_classifier(images, 0, cache_folder(), options.classifier_images)
    judge = Judge(images, classifier)
    about = {
        **conditions(),
        "dataset": images.fingerprint[:16],
        "image_size": images.image_size,
        "family": snapshot.family,
        "images_seen": options.num_images,
        "per_class": options.per_class,
    }
    measured: list[dict[str, Any]] = []
    found = judge.controls(options.per_class)[: len(images.classes) + 1]  # real, set aside
    rows = [found[-1]]
    for choice in options.options or CHOICES[snapshot.family]:
        found, seconds = _measured(judge, snapshot, choice, options)
        rows.append(found[-1])
        print(table(found), flush=True)
        per_second = len(images.classes) * options.per_class / seconds
        measured.append({"options": choice, "images_per_second": per_second, "rows": found})
        _write(options.output, about, rows[0], measured)
    print("\n" + table(rows))


def _trained(images: RealImages, options: argparse.Namespace) -> Snapshot:
    folder = options.keep / f"{options.family}-{images.image_size}px-{options.num_images}"
    if (folder / DESCRIPTION).exists():
        return load_snapshot(folder)
    snapshot, _ = train_family(
        options.family,
        images.training,
        images.classes,
        options.preset,
        None,
        seed=0,
        num_images=options.num_images,
    )
    folder.mkdir(parents=True)
    save_snapshot(folder, snapshot.family, snapshot.classes, snapshot.model)
    return snapshot


def _measured(
    judge: Judge, snapshot: Snapshot, choice: Mapping[str, Any], options: argparse.Namespace
) -> tuple[list[Row], float]:
    labels = np.repeat(np.arange(len(snapshot.classes)), options.per_class)
    pixels, seconds = draw_images(snapshot, labels, 0, choice)
    name = ", ".join(f"{field} {value}" for field, value in choice.items()) or "defaults"
    if options.sheets:
        path = options.keep / f"{snapshot.family}-{name.replace(', ', '-').replace(' ', '')}.png"
        save_contact_sheet(path, pixels, labels)
    return judge.synthetic(name, pixels, labels), seconds


def _write(
    path: Path, about: Mapping[str, Any], real: Row, measured: Sequence[Mapping[str, Any]]
) -> None:
    choices = [{**each, "rows": [asdict(row) for row in each["rows"]]} for each in measured]
    content = {"conditions": dict(about), "real": asdict(real), "choices": choices}
    path.write_text(json.dumps(rounded(content), indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sampler_choice",
        description=(__doc__ or "").partition("\n")[0],
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--keep", type=Path, required=True, metavar="DIR", help="for the model")
    parser.add_argument("--family", choices=list(CHOICES), default="ldm")
    parser.add_argument("--preset", choices=("standard", "tiny"), default="standard")
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--num-images", type=int, default=118_000, help="to see in training")
    parser.add_argument("--per-class", type=int, default=200, help="images drawn for each choice")
    parser.add_argument(
        "--options", type=json.loads, nargs="+", metavar="JSON", help="measure these choices"
    )
    parser.add_argument("--sheets", action="store_true", help="keep pictures beside the model")
    parser.add_argument(
        "--classifier-images", type=int, default=IMAGES_TO_SEE, help="fewer for a trial"
    )
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
