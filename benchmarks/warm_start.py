"""What does a start from a base save, against weights at random, after equal seconds?

    python -m benchmarks.warm_start --phantoms 700 [--family ldm vae] [--seconds 60]
    python -m benchmarks.warm_start --data FOLDER --num-images 500 --seconds 300 --seeds 0 1 2 3 4
    python -m benchmarks.warm_start --phantoms 700 --seen 3000     on a machine that others use too

Every family is trained on the same few images twice for each budget and each seed: cold and warm.
A budget is in seconds, or in images seen. Beside the KID to held-out images stand the share of
images as labelled, the share near a training image, what the weights disclose of membership (AUC of
the model's own score, training against held-out images), and whether the gate's validity check
would accept KID and labels. A base knows phantoms alone: on phantoms a warm start shows what
pre-training on the very distribution is worth, on real images what it is worth elsewhere.

Prints a table and writes figures to benchmarks/results/warm_start.json; images are not kept.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.classifier import cached_classifier
from benchmarks.evaluation.families import draw_images, train_family
from benchmarks.evaluation.judge import ALL, Judge, Row
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.private_folder import cache_folder
from benchmarks.evaluation.real_images import LabelledSet, RealImages, load, phantoms
from models import bases
from models.family import Family
from models.presets import PRESETS
from models.training_images import as_images
from radiographs.ingest import FolderSource
from release.features.classifier_training import IMAGES_TO_SEE
from release.fidelity.validity import Validity
from release.gate.checks.validity import relative_agreement, relative_kid
from release.gate.policy import Policy
from release.stats.estimate import Estimate
from release.stats.roc import auc

RESULTS = Path(__file__).parent / "results" / "warm_start.json"
COLD = "random weights"
SCORED_AT_ONCE = 64
TITLES = ("family", "start", "s", "seed", "KID [95 %]", "as labelled", "near", "AUC", "valid")
COLUMNS = f"| {' | '.join(TITLES)} | images seen |"


@dataclass(frozen=True)
class Run:
    """One training and what its images are like.

    Attributes:
        family: Its name.
        start: The base, or `COLD`.
        seconds: The budget; None where it was in images.
        seed: Of weights, updates and images.
        images_seen: Training images seen, with repetition.
        kid: To the held-out images, every class weighing the same.
        agreement: Share that the classifier assigns to the label.
        near: Share nearer to a training image than 99 of 100 held-out images.
        membership_auc: Of the model's own score, training against held-out images.
        valid: Whether the gate's bounds on KID and label agreement are kept.
    """

    family: str
    start: str
    seconds: float | None
    seed: int
    images_seen: int
    kid: Estimate
    agreement: Estimate
    near: Estimate
    membership_auc: float | None
    valid: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if not options.seconds + options.seen:
        options.seconds = [60.0]
    torch.set_num_threads(options.torch_threads)
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    images = _few(load(source, options.image_size), options.num_images)
    classifier = cached_classifier(images, 0, cache_folder(), options.classifier_images)
    judge = Judge(images, classifier)
    controls = judge.controls(options.per_class)
    about: dict[str, Any] = {
        **conditions(),
        "dataset": images.fingerprint[:16],
        "source": "a folder" if options.data else "phantoms",
        "num_training_images": len(images.training),
        "preset": options.preset,
        "images_per_class": options.per_class,
    }
    runs: list[Run] = []
    print(COLUMNS + "\n|" + "---|" * (COLUMNS.count("|") - 1), flush=True)
    for run in _runs(images, judge, controls, options):
        runs.append(run)
        print(_line(run), flush=True)
        content = {
            "conditions": about | {"load_average": [round(each, 2) for each in os.getloadavg()]},
            "controls": [asdict(row) for row in controls if row.label == ALL],
            "runs": [asdict(each) for each in runs],
        }
        text = json.dumps(content, indent=1, default=float)
        options.output.write_text(text + "\n", encoding="utf-8")


def _few(images: RealImages, num_images: int | None) -> RealImages:
    """Keep about so many training images, as many of each class; all where None."""
    if num_images is None:
        return images
    rng = np.random.default_rng(0)
    training = images.training.at_most(num_images // len(images.classes), rng)
    return replace(images, training=training)


def _runs(
    images: RealImages, judge: Judge, controls: Sequence[Row], options: argparse.Namespace
) -> Iterator[Run]:
    labels = np.repeat(np.arange(len(images.classes)), options.per_class)
    budgets: list[tuple[float | None, int | None]]
    budgets = [(each, None) for each in options.seconds] + [(None, each) for each in options.seen]
    for seconds, seen in budgets:
        for seed in options.seeds:
            for family in options.family:
                base = bases.base_for(family, images.image_size)
                for start in (COLD, base):
                    folder = None if start in (COLD, None) else bases.folder_of(str(start))
                    snapshot, cost = train_family(
                        family,
                        images.training,
                        images.classes,
                        options.preset,
                        seconds,
                        seed,
                        folder,
                        seen,
                    )
                    pixels, _ = draw_images(snapshot, labels, seed)
                    [row] = [r for r in judge.synthetic("", pixels, labels) if r.label == ALL]
                    yield Run(
                        family=family,
                        start=str(start),
                        seconds=seconds,
                        seed=seed,
                        images_seen=int(cost["images_seen"]),
                        kid=row.kid,
                        agreement=row.agreement,
                        near=row.near,
                        membership_auc=_membership_auc(snapshot.model, images),
                        valid=_is_valid(row, controls, len(images.classes)),
                    )


def _is_valid(row: Row, controls: Sequence[Row], num_classes: int) -> bool:
    """Hold KID and label agreement against the bounds of the gate."""
    of_all = {each.images: each for each in controls if each.label == ALL}
    real, guess = of_all["real, held out"], 1 / num_classes
    validity = Validity(
        kid=row.kid,
        kid_floor=real.kid,
        kid_ceiling=of_all["class-mean image"].kid,
        agreement=row.agreement,
        real_accuracy=real.agreement,
        chance=Estimate(guess, guess, guess),
    )
    policy = Policy()
    return (
        relative_kid(validity) <= policy.max_relative_kid
        and relative_agreement(validity) >= policy.min_relative_agreement
    )


def _membership_auc(model: Family[Any, Any], images: RealImages) -> float | None:
    """Say how well the model's own score distinguishes training from held-out images."""
    sides = [_scores(model, side) for side in (images.training, images.held_out)]
    if any(side is None for side in sides):
        return None
    scores = np.concatenate([np.asarray(side) for side in sides])
    is_member = np.arange(len(scores)) < len(images.training)
    return round(auc(is_member[np.argsort(-scores, kind="stable")]), 3)


def _scores(model: Family[Any, Any], side: LabelledSet) -> NDArray[np.float64] | None:
    found = []
    for start in range(0, len(side), SCORED_AT_ONCE):
        some = slice(start, start + SCORED_AT_ONCE)
        with torch.inference_mode():
            scores = model.membership_score(
                as_images(side.pixels[some], "cpu"), torch.from_numpy(side.labels[some])
            )
        if scores is None:
            return None
        found.append(scores.double().numpy())
    return np.concatenate(found)


def _line(run: Run) -> str:
    kid, of_score = run.kid, run.membership_auc
    cells = (
        run.family,
        run.start,
        "-" if run.seconds is None else f"{run.seconds:g}",
        f"{run.seed}",
        f"{kid.value:.3f} [{kid.low:.3f}, {kid.high:.3f}]",
        f"{run.agreement.value:.0%}",
        f"{run.near.value:.0%}",
        "-" if of_score is None else f"{of_score:.3f}",
        "yes" if run.valid else "no",
        f"{run.images_seen:,}",
    )
    return "| " + " | ".join(cells) + " |"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.warm_start", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--num-images", type=int, help="to train on; by default all of the split")
    parser.add_argument("--family", nargs="+", choices=("ldm", "vae"), default=["ldm", "vae"])
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--seconds", type=float, nargs="+", default=[], help="budgets")
    parser.add_argument("--seen", type=int, nargs="+", default=[], help="budgets in images")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument("--per-class", type=int, default=75, help="images to draw of each class")
    parser.add_argument(
        "--classifier-images", type=int, default=IMAGES_TO_SEE, help="fewer for a trial"
    )
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
