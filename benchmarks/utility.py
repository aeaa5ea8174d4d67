"""What are the synthetic images good for? Train small classifiers with them, test on real images.

    python -m benchmarks.utility --data FOLDER [--seconds 600]     train all that is needed
    python -m benchmarks.utility --data FOLDER --snapshots DIR     use what is trained already

Two questions, `--part`:

transfer     Train on synthetic images alone (TSTR): how much worse than on the real ones?
rebalancing  Cut one class down to 200 real images and train a model on what is left. Do its images
             of that class help a classifier more than class weights and oversampling do?

Every classifier makes the same number of updates, and is tested on the held-out real images. Prints
tables and writes the figures to benchmarks/results/utility.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.evaluation.families import draw_images, show, snapshots_beneath, train_family
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.private_folder import refuse_unignored
from benchmarks.evaluation.real_images import LabelledSet, Labels, RealImages, load, phantoms
from benchmarks.evaluation.rebalancing import cut_down, synthetic_arm
from benchmarks.evaluation.scores import Score, balanced_accuracy, compare, f1_of, score_each
from benchmarks.evaluation.utility_report import EXPLANATION, Row, table, write_part
from models.presets import PRESETS
from models.registry import FAMILIES
from models.snapshot import Snapshot, save_snapshot
from radiographs.ingest import FolderSource
from release.features.classifier import read
from release.features.classifier_training import evenly, fit_classifier
from release.stats.estimate import Estimate
from release.stats.intervals import mean
from release.utility.arms import OVERSAMPLED, REAL, WEIGHTED, Arm, real_arms

RESULTS = Path(__file__).parent / "results" / "utility.json"
REAL_IMAGES = "real images"
REAL_ARMS = (REAL, WEIGHTED, OVERSAMPLED)
Figures = tuple[list[Row], dict[str, object]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.keep:
        refuse_unignored(options.keep)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    images = load(source, options.image_size)
    about = {
        **conditions(),
        "dataset": images.fingerprint[:16],
        "seed": options.seed,
        "image_size": options.image_size,
        "classifier_images": options.classifier_images,
    }
    for part in options.part:
        rows, details = PARTS[part](images, options)
        write_part(options.output, part, {**about, **details}, rows)
        stated = ", ".join(f"{name} {value}" for name, value in {**about, **details}.items())
        print(f"\n{part}: {stated}\n\n{table(rows)}\n", flush=True)
    print(EXPLANATION)


def transfer(images: RealImages, options: argparse.Namespace) -> Figures:
    """Train on synthetic images only, and compare with training on the real ones."""
    seeds = range(options.seed, options.seed + options.transfer_seeds)
    rng = np.random.default_rng(options.seed)

    def predictions(training: LabelledSet) -> list[Labels]:
        arm = Arm(training, evenly(training.labels))
        return [_predictions(arm, images, seed, options.classifier_images) for seed in seeds]

    real = predictions(images.training)
    rows = [Row(REAL_IMAGES, _mean_score(real, images, balanced_accuracy))]
    labels = np.repeat(np.arange(len(images.classes)), options.images)
    for name, snapshot in _models(images.training, images, options.snapshots, "all", options):
        pixels, _ = draw_images(snapshot, labels, options.seed)
        found = predictions(LabelledSet(pixels, labels, np.arange(len(labels))))
        gains = {REAL_IMAGES: compare(found, real, images.held_out, balanced_accuracy, rng)}
        rows.append(Row(name, _mean_score(found, images, balanced_accuracy), gains))
        print(table(rows[-1:]), flush=True)
    return rows, {
        "score": "balanced accuracy",
        "seeds": len(seeds),
        "synthetic images of each class": options.images,
    }


def rebalancing(images: RealImages, options: argparse.Namespace) -> Figures:
    """Compare ways to learn a class of few images."""
    rare = images.classes.index(options.rare_class or images.classes[0])
    seeds = range(options.seed, options.seed + options.rebalancing_seeds)
    score, rng = f1_of(rare), np.random.default_rng(options.seed)
    imbalanced = cut_down(
        images.training, rare, options.rare_images, np.random.default_rng(options.seed)
    )

    def predictions(arm: Arm) -> list[Labels]:
        return [_predictions(arm, images, seed, options.classifier_images) for seed in seeds]

    arms = {name: arm for name, arm in real_arms(imbalanced).items() if name in options.arms}
    real = {name: predictions(arm) for name, arm in arms.items()}
    rows = [Row(name, _mean_score(found, images, score)) for name, found in real.items()]
    print(table(rows), flush=True)
    kept = f"{images.classes[rare]}-{options.rare_images}"
    for name, snapshot in _models(imbalanced, images, options.rare_snapshots, kept, options):
        synthetic, _ = draw_images(snapshot, np.full(options.images, rare), options.seed)
        found = predictions(synthetic_arm(imbalanced, rare, synthetic, options.share))
        gains = {
            other: compare(found, theirs, images.held_out, score, rng)
            for other, theirs in real.items()
        }
        rows.append(Row(f"synthetic images, {name}", _mean_score(found, images, score), gains))
        print(table(rows[-1:]), flush=True)
    return rows, {
        "score": f"F1 of {images.classes[rare]}",
        "seeds": len(seeds),
        "real images of the class": options.rare_images,
        "synthetic images of the class": options.images,
        "share of synthetic images in the class": options.share,
    }


def _models(
    training: LabelledSet,
    images: RealImages,
    kept: Path | None,
    name: str,
    options: argparse.Namespace,
) -> Iterator[tuple[str, Snapshot]]:
    """Load the models of these training images, or train and keep them."""
    if kept:
        yield from snapshots_beneath(kept, images.classes, images.image_size)
        return
    for family in options.family:
        snapshot, _ = train_family(
            family, training, images.classes, options.preset, options.seconds, options.seed
        )
        if options.keep:
            folder = options.keep / name / family
            folder.mkdir(parents=True, exist_ok=True)
            save_snapshot(folder, snapshot.family, snapshot.classes, snapshot.model)
        yield family, snapshot


def _predictions(arm: Arm, images: RealImages, seed: int, images_to_see: int) -> Labels:
    """Train a classifier and let it classify the held-out images."""
    show(f"classifier, seed {seed}")
    num_classes = len(images.classes)
    classifier = fit_classifier(
        arm.images, arm.chances, num_classes, seed, images_to_see, arm.class_weights
    )
    return read(classifier, images.held_out.pixels).predictions


def _mean_score(predictions: Sequence[Labels], images: RealImages, score: Score) -> Estimate:
    return mean(score_each(predictions, images.held_out, score))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.utility", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--seconds", type=float, default=600, help="training of each model")
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument("--snapshots", type=Path, metavar="DIR", help="of all training images")
    parser.add_argument(
        "--rare-snapshots", type=Path, metavar="DIR", help="of the images with one class cut down"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what is trained here")
    parser.add_argument("--rare-class", metavar="NAME", help="class to cut down; the first")
    parser.add_argument("--rare-images", type=int, default=200, help="what is left of it")
    parser.add_argument(
        "--arms", nargs="+", choices=REAL_ARMS, default=REAL_ARMS, help="to compare with"
    )
    parser.add_argument("--images", type=int, default=500, help="synthetic images of a class")
    parser.add_argument(
        "--share", type=float, default=0.5, help="of synthetic images in what is drawn of the class"
    )
    parser.add_argument("--classifier-images", type=int, default=16_000, help="fewer for a trial")
    parser.add_argument("--transfer-seeds", type=int, default=3)
    parser.add_argument("--rebalancing-seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


PARTS = {"transfer": transfer, "rebalancing": rebalancing}

if __name__ == "__main__":
    main()
