"""What does differential privacy cost the films of a `vae`?

    python -m benchmarks.private_quality --data FOLDER [--epsilon 1 3 10] [--images 30000]

One autoencoder is trained on drawn films, as the service does it; then for each epsilon the density
of its latents is learned from the real films through noise, and films drawn of it are judged as in
`benchmarks.quality`. The row "no noise" says what the method costs without it. Writes figures to
benchmarks/results/private_quality.json; films and weights are kept nowhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evaluation.classifier import IMAGES_TO_SEE, FilmClassifier, cached_classifier
from benchmarks.evaluation.families import draw_films
from benchmarks.evaluation.judge import Judge
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.private_folder import cache_folder
from benchmarks.evaluation.real_films import RealFilms, load, phantoms
from benchmarks.evaluation.report import table, write
from models.config import Circumstances
from models.family import Family, ImageSpec
from models.films import Films
from models.presets import resolve_config
from models.privacy.gaussian import mu_for
from models.privacy.mechanism import GaussianMechanism
from models.privacy.patients import Patients
from models.snapshot import Snapshot, new_model
from models.training.budget import Budget
from models.training.loop import Training
from radiographs.ingest import FolderSource
from workers.public_films import public_films

RESULTS = Path(__file__).parent / "results" / "private_quality.json"
NO_NOISE = 1e9  # mu, beside which nothing is hidden


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads)
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    films = load(source, options.image_size)
    classifier = cached_classifier(films, 0, cache_folder(), options.classifier_images)
    measure(films, classifier, options)


def measure(films: RealFilms, classifier: FilmClassifier, options: argparse.Namespace) -> None:
    """Train, draw, judge and write."""
    judge = Judge(films, classifier)
    rows = judge.controls(options.per_class)
    model, public, seconds = public_model(films, options)
    patients = Patients(films.training.pixels, films.training.labels, films.training.groups)
    about = {
        **conditions(),
        "dataset": films.fingerprint[:16],
        "image_size": films.image_size,
        "preset": options.preset,
        "public_films": len(public),
        "images_seen": options.images,
        "training_seconds": seconds,
        "num_patients": len(patients),
        "delta": 1 / (10 * len(patients)),
        "films_per_class": options.per_class,
    }
    labels = np.repeat(np.arange(len(films.classes)), options.per_class)
    for name, mu in privacies(options.epsilon, about["delta"]):
        for _ in model.learn_privately(public, patients, GaussianMechanism(mu), options.clipping):
            pass
        pixels, _ = draw_films(Snapshot("vae", films.classes, model), labels, seed=0)
        rows += judge.synthetic(name, pixels, labels)
        write(options.output, about, rows, {})
    print(table(rows))


def privacies(epsilons: Sequence[float], delta: float) -> Iterator[tuple[str, float]]:
    """Name each measurement, and say its mu."""
    for epsilon in epsilons:
        yield f"mixture, epsilon {epsilon:g}", mu_for(epsilon, delta)
    yield "mixture, no noise", NO_NOISE


def public_model(
    films: RealFilms, options: argparse.Namespace
) -> tuple[Family[Any, Any], Films, float]:
    """Train on drawn films; returns these and the seconds too."""
    num_classes = len(films.classes)
    public = public_films(films.image_size, num_classes, torch.device("cpu"))
    given = Circumstances(films.image_size, budget_images=options.images, private=True)
    config = resolve_config("vae", options.preset, {}, given).model_dump()
    model = new_model("vae", config, ImageSpec(films.image_size, num_classes), seed=0)
    began = time.process_time()
    for _ in Training(model, public, Budget(images=options.images), seed=0).run():
        pass
    return model, public, time.process_time() - began


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.private_quality",
        description=(__doc__ or "").partition("\n")[0],
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled films")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N films instead")
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    parser.add_argument("--clipping", type=float, default=1.0, help="max_grad_norm of the request")
    parser.add_argument("--images", type=int, default=30_000, help="drawn films to train on")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--per-class", type=int, default=100, help="films to draw of each class")
    parser.add_argument(
        "--classifier-images", type=int, default=IMAGES_TO_SEE, help="fewer for a trial"
    )
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
