"""Does a training on few images stop before it memorises them?

    python -m benchmarks.memorisation --data FOLDER [--family vae] [--num-images 440]

Each family is trained on the same few images with the same budget in images, in three ways: to the
end of the budget; to the estimate of `models.memorisation`, checked as the service checks it; and
by the check alone, without the estimate. Then every fitted part is asked who was trained on, as
`benchmarks.white_box_attack` does. Patients set aside for the check belong to neither side.

Prints a table and writes benchmarks/results/memorisation.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import phantoms
from benchmarks.white_box_attack import Patients, attacked, ingested
from models.config import Circumstances
from models.family import ImageSpec
from models.memorisation import images_before_memorisation
from models.presets import PRESETS, resolve_config
from models.registry import FAMILIES
from models.snapshot import new_model
from models.training.loop import Training
from models.training.memorisation_check import MemorisationCheck
from models.training.plan import Budget
from models.training_images import TrainingImages, as_images
from radiographs.ingest import FolderSource
from workers.train.set_aside import compared, set_aside

RESULTS = Path(__file__).parent / "results" / "memorisation.json"
TO_THE_END, ESTIMATE, CHECK = "to the end", "estimate and check", "check alone"
WAYS = (TO_THE_END, ESTIMATE, CHECK)

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads)
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    patients = ingested(source, options.image_size)
    patients = patients.with_fewer_members(options.num_images, options.seed)
    about = {**conditions(), "image_size": options.image_size, "num_images": options.num_images}
    rows = json.loads(options.output.read_text())["rows"] if options.append else []
    for family in options.family:
        for way in options.way:
            found = trained_and_attacked(family, way, patients, options)
            rows.append({**found, **about, "budget_images": options.budget, "seed": options.seed})
            print(_line(found), flush=True)
            options.output.write_text(json.dumps({"rows": rows}, indent=1) + "\n")


def trained_and_attacked(
    family: str, way: str, patients: Patients, options: argparse.Namespace
) -> Row:
    """Train in one of the `WAYS`, and ask every part who was trained on."""
    size, seed = options.image_size, options.seed
    given = Circumstances(size, int(patients.member.sum()), budget_images=options.budget)
    config = resolve_config(family, options.preset, {}, given)
    bound = images_before_memorisation(config, int(patients.member.sum()))
    members = patients.where(patients.member)
    aside = np.zeros(len(members.labels), np.bool_)
    if way != TO_THE_END:
        aside = set_aside(members.labels, members.groups, members.splits)
    kept = members.where(~aside)
    model = new_model(
        family, config.model_dump(), ImageSpec(size, len(patients.classes)), options.seed
    )
    training = Training(
        model,
        TrainingImages(kept.pixels, kept.labels, groups=kept.groups),
        Budget(images=options.budget, most_images=bound if way == ESTIMATE else None),
        seed=seed,
        memorisation_check=_check(members, aside) if aside.any() else None,
    )
    for _ in training.run():
        pass
    assert training.ending is not None
    asked = patients.where(~np.isin(patients.groups, members.groups[aside]))
    parts = {
        row["part"]: {"auc": row["auc"], "calibrated_auc": row["calibrated_auc"]}
        for row in attacked(family, model.eval(), asked)
    }
    return {
        "family": family,
        "way": way,
        "images_seen": training.images_seen,
        "ending": asdict(training.ending),
        "num_set_aside": int(aside.sum()),
        "parts": parts,
    }


def _check(members: Patients, aside: NDArray[np.bool_]) -> MemorisationCheck:
    ours, theirs = compared(members.labels, members.groups, members.splits, aside)
    some = np.concatenate([ours, theirs])
    labels = torch.from_numpy(members.labels[some])
    return MemorisationCheck(as_images(members.pixels[some], "cpu"), labels, len(ours))


def _line(row: Row) -> str:
    worst = max(row["parts"].items(), key=lambda each: float(each[1]["calibrated_auc"]["value"]))
    part, areas = worst
    calibrated = areas["calibrated_auc"]
    return (
        f"| {row['family']} | {row['way']} | {row['images_seen']:,} | {row['ending']['reason']} | "
        f"{part} | {areas['auc']['value']:.3f} | {calibrated['value']:.3f} "
        f"[{calibrated['low']:.3f}, {calibrated['high']:.3f}] |"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.memorisation", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--image-size", type=int, choices=(64, 128), default=64)
    parser.add_argument("--num-images", type=int, default=440, help="train on so many")
    parser.add_argument("--budget", type=int, default=32_000, help="in images")
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=["vae"])
    parser.add_argument("--way", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--append", action="store_true", help="to what the results hold already")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
