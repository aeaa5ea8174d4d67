"""White-box membership inference: who was trained on, from a model's weights?

    python -m benchmarks.white_box_attack --data FOLDER [--family gan vae ldm] [--images-seen 14000]
    python -m benchmarks.white_box_attack --data FOLDER --num-images 440     a small training set
    python -m benchmarks.white_box_attack --data FOLDER --snapshots DIR      of what is trained

Every fitted part of a model scores one image of each patient, of the training set and of the held-
out one, as it is and calibrated (`release.gate.image_complexity`). The area under the curve is
over all patients; beside it stands what the audit at the end of a training finds, which knows the
audit pool alone.

Prints a table and writes benchmarks/results/white_box.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import PUBLIC_KEY, phantoms
from models.config import Circumstances
from models.family import Family, ImageSpec
from models.presets import PRESETS, resolve_config
from models.registry import FAMILIES
from models.snapshot import DESCRIPTION, load_snapshot, new_model
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages, as_images
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.reading.sources import Source
from radiographs.splits.split import Split
from radiographs.store.pixel_store import PixelStore
from release.gate.checks import white_box
from release.gate.image_complexity import calibrated, complexity
from release.gate.policy import Policy
from release.stats.fisher import members_by_rank, rank_p_value
from release.stats.roc import roc

RESULTS = Path(__file__).parent / "results" / "white_box.json"
IMAGES_AT_ONCE = 64

Array = NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Patients:
    """Whom a model was trained on and whom it was not, all their images.

    Attributes:
        pixels: (n, size, size), uint8.
        labels: (n,).
        groups: (n,), equal for images of one patient.
        splits: (n,), as `radiographs.splits.split.Split`.
        classes: Names of the labels.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    splits: NDArray[np.int8]
    classes: tuple[str, ...]

    @property
    def member(self) -> NDArray[np.bool_]:
        """Say which images are of the training set, (n,)."""
        return np.isin(self.splits, (Split.TRAIN, Split.INCLUDED))

    def where(self, chosen: NDArray[Any]) -> Patients:
        """Keep some of the images, by mask or by index."""
        kept = (each[chosen] for each in (self.pixels, self.labels, self.groups, self.splits))
        return Patients(*kept, self.classes)

    def one_each(self) -> Patients:
        """Keep one image of each patient."""
        return self.where(np.unique(self.groups, return_index=True)[1])

    def with_fewer_members(self, num_images: int, seed: int) -> Patients:
        """Keep so many images of the training set, and all others."""
        members = np.random.default_rng(seed).permutation(np.flatnonzero(self.member))
        return self.where(np.sort(np.r_[members[:num_images], np.flatnonzero(~self.member)]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    patients = ingested(source, options.image_size)
    if options.num_images:
        patients = patients.with_fewer_members(options.num_images, options.seed)
    about = {
        **conditions(),
        "image_size": options.image_size,
        "num_training_images": int(patients.member.sum()),
        "seed": options.seed,
    }
    rows = []
    for name, model in _models(options, patients):
        found = attacked(name, model, patients)
        rows += [{**row, **about} for row in found]
        print(table(found), flush=True)
    before = json.loads(options.output.read_text())["rows"] if options.append else []
    options.output.write_text(json.dumps({"rows": before + rows}, indent=1) + "\n")


def attacked(name: str, model: Family[Any, Any], patients: Patients) -> list[Row]:
    """Ask each fitted part about one image of each patient, and let the audit judge.

    Args:
        name: Names the model in the table.
        model: In evaluation mode.
        patients: Whom it was trained on, and others.
    """
    asked = patients.one_each()
    scores = {
        part.name: score(part.score, asked)
        for part in model.fitted_parts()
        if part.score is not None
    }
    pool = np.isin(asked.splits, (Split.INCLUDED, Split.HOLDOUT))
    included = asked.splits[pool] == Split.INCLUDED
    described = complexity(asked.pixels, asked.labels)
    audited = {part: calibrated(values[pool], described[pool]) for part, values in scores.items()}
    verdict = white_box.judge(audited, included, Policy())
    about = {
        "model": name,
        "audit_p_value": verdict.p_value,
        "weights_can_be_released": verdict.public["weights_can_be_released"],
    }
    return [
        {
            **about,
            "part": part,
            **_attack(values, asked.member, ""),
            **_attack(calibrated(values, described), asked.member, "calibrated_"),
        }
        for part, values in scores.items()
    ]


def score(ask: Any, patients: Patients) -> Array:
    """Score images, some at a time: (n,)."""
    scores = []
    for start in range(0, len(patients.labels), IMAGES_AT_ONCE):
        some = slice(start, start + IMAGES_AT_ONCE)
        images = as_images(patients.pixels[some], "cpu")
        with torch.inference_mode():
            scores.append(ask(images, torch.from_numpy(patients.labels[some])).double().numpy())
    return np.concatenate(scores)


def table(rows: Sequence[Row]) -> str:
    """Lay rows out in Markdown."""
    lines = [
        "| model | part | AUC | calibrated | p | TPR at 1 % | audit's p | weights released |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        areas = (_interval(row[f"{kind}auc"]) for kind in ("", "calibrated_"))
        leave = "yes" if row["weights_can_be_released"] else "no"
        cells = (
            row["model"],
            row["part"],
            *areas,
            f"{min(row['p_value'], row['calibrated_p_value']):.1e}",
            f"{100 * row['tpr_at_1_percent']:.1f} %",
            f"{row['audit_p_value']:.1e}",
            leave,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _attack(values: Array, member: NDArray[np.bool_], kind: str) -> Row:
    by_rank = members_by_rank(values, member)
    curve = roc(by_rank)
    found = {
        "auc": {end: round(getattr(curve.auc, end), 4) for end in ("value", "low", "high")},
        "tpr_at_1_percent": round(curve.tpr_at_low_fpr.value, 4),
        "p_value": rank_p_value(by_rank),
    }
    return {f"{kind}{name}": value for name, value in found.items()}


def _interval(auc: Mapping[str, float]) -> str:
    return f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]"


def ingested(source: Source, image_size: int) -> Patients:
    """Ingest images as the service does, and divide their patients by a public key."""
    with tempfile.TemporaryDirectory() as folder:
        run(source, Path(folder), IngestOptions(PUBLIC_KEY, image_size=image_size, bit_depth=8))
        store = PixelStore.open(Path(folder))
        pixels = np.array(store.pixels, np.uint8)
        return Patients(pixels, store.labels, store.groups, store.splits, store.classes)


def _models(
    options: argparse.Namespace, patients: Patients
) -> Iterator[tuple[str, Family[Any, Any]]]:
    """Train each family, or load what is trained already on these images."""
    if options.snapshots:
        for path in sorted(options.snapshots.rglob(DESCRIPTION)):
            snapshot = load_snapshot(path.parent)
            yield path.parent.name, snapshot.model.eval()
        return
    training = patients.where(patients.member)
    images = TrainingImages(training.pixels, training.labels, groups=training.groups)
    for family in options.family:
        given = Circumstances(options.image_size, len(images), budget_images=options.images_seen)
        config = resolve_config(family, options.preset, {}, given)
        spec = ImageSpec(options.image_size, len(patients.classes))
        model = new_model(family, config.model_dump(), spec, options.seed)
        for progress in Training(
            model, images, Budget(images=options.images_seen), seed=options.seed
        ).run():
            if sys.stderr.isatty():
                print(f"\r{family} {progress.fraction:.0%}", end="", file=sys.stderr, flush=True)
        yield f"{family}, {options.images_seen} images seen", model.eval()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.white_box_attack",
        description=(__doc__ or "").partition("\n")[0],
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--image-size", type=int, choices=(64, 128), default=64)
    parser.add_argument("--num-images", type=int, metavar="N", help="train on so many alone")
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument("--images-seen", type=int, default=14_000, help="training of each family")
    parser.add_argument("--snapshots", type=Path, metavar="DIR", help="attack these; train nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--append", action="store_true", help="to what the results hold already")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
