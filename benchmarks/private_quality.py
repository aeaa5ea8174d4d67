"""What does differential privacy cost the images of a model?

    python -m benchmarks.private_quality --data FOLDER [--epsilon 1 3 10] [--images 30000]
    python -m benchmarks.private_quality --data FOLDER --method dp_sgd [--config KEY=VALUE ...]
    python -m benchmarks.private_quality --data FOLDER --public FOLDER

One model is trained on public images, as the service does it: a `vae` for the method mixture, an
`ldm` for dp_sgd. They are drawn, or from `--public` the images of a dataset that was published,
without those that resemble one of the real images; the training then starts from a base. Then for
each epsilon the model learns from the real images through noise, and images drawn of it are judged
as in `benchmarks.quality`. The row "no noise" says what the method costs without it, the row
"public images alone" what it began from. Writes figures to benchmarks/results/private_quality.json
or private_quality_dp_sgd.json, with `--public` to the same names ending in _public; images and
weights are kept nowhere.
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.classifier import IMAGES_TO_SEE, ImageClassifier, cached_classifier
from benchmarks.evaluation.families import draw_images, setting
from benchmarks.evaluation.judge import Judge
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.private_folder import cache_folder
from benchmarks.evaluation.real_images import Pixels, RealImages, load, phantoms
from benchmarks.evaluation.report import table, write
from models.bases import base_for, folder_of
from models.config import Circumstances
from models.family import Family, ImageSpec
from models.presets import resolve_config
from models.privacy.accounting import PrivacyCost, gaussian_mu, sigma_for
from models.privacy.noisy_sums import GaussianMechanism, PoissonGaussianMechanism
from models.privacy.patients import Patients
from models.snapshot import Snapshot, new_model
from models.training.dp_sgd import dp_sgd
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages
from models.warm_start import start_from
from radiographs.ingest import FolderSource
from workers.train.public_images import public_images, with_known_labels

RESULTS = Path(__file__).parent / "results"
FAMILIES = {"mixture": "vae", "dp_sgd": "ldm"}
OUTPUTS = {"mixture": "private_quality", "dp_sgd": "private_quality_dp_sgd"}
RESEMBLING = 0.98  # a correlation, above which a published image may be a real one
NO_NOISE = 1e9  # mu, beside which nothing is hidden


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads)
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    images = load(source, options.image_size)
    classifier = cached_classifier(images, 0, cache_folder(), options.classifier_images)
    measure(images, classifier, options)


def measure(images: RealImages, classifier: ImageClassifier, options: argparse.Namespace) -> None:
    """Train, draw, judge and write."""
    judge = Judge(images, classifier)
    rows = judge.controls(options.per_class)
    model, public, seconds = public_model(images, options)
    patients = Patients(images.training.pixels, images.training.labels, images.training.groups)
    about = {
        **conditions(),
        "dataset": images.fingerprint[:16],
        "image_size": images.image_size,
        "family": FAMILIES[options.method],
        "method": options.method,
        "preset": options.preset,
        "config": dict(options.config),
        "public": "published" if options.public else "drawn",
        "public_images": len(public),
        "images_seen": options.images,
        "training_seconds": seconds,
        "num_patients": len(patients),
        "delta": 1 / (10 * len(patients)),
        "images_per_class": options.per_class,
    }
    labels = np.repeat(np.arange(len(images.classes)), options.per_class)
    learned = by_sums if options.method == "mixture" else by_gradients
    name = OUTPUTS[options.method] + ("_public" if options.public else "")
    output = options.output or RESULTS / f"{name}.json"
    costs: dict[str, dict[str, float]] = {}
    began = time.process_time()
    for name, private in learned(model, public, patients, options, about["delta"]):
        costs[name] = {"private_seconds": time.process_time() - began}
        pixels, _ = draw_images(Snapshot(about["family"], images.classes, private), labels, seed=0)
        rows += judge.synthetic(name, pixels, labels)
        write(output, about, rows, costs)
        began = time.process_time()
    print(table(rows))


def by_sums(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    options: argparse.Namespace,
    delta: float,
) -> Iterator[tuple[str, Family[Any, Any]]]:
    """Let the density of the latents be learned anew through each amount of noise."""
    noises = [(f"epsilon {epsilon:g}", gaussian_mu(epsilon, delta)) for epsilon in options.epsilon]
    for name, mu in [*noises, ("no noise", NO_NOISE)]:
        for _ in model.learn_privately(public, patients, GaussianMechanism(mu), options.clipping):
            pass
        yield f"mixture, {name}", model


def by_gradients(
    model: Family[Any, Any],
    public: TrainingImages,
    patients: Patients,
    options: argparse.Namespace,
    delta: float,
) -> Iterator[tuple[str, Family[Any, Any]]]:
    """Fine-tune a copy of the model through each amount of noise."""
    yield "dp_sgd, public images alone", model
    stage = model.private_stage()
    rate, steps = min(1.0, stage.batch_size / len(patients)), stage.num_updates
    noises = [
        (f"epsilon {epsilon:g}", sigma_for(epsilon, delta, rate, steps))
        for epsilon in options.epsilon
    ]
    for name, sigma in [*noises, ("no noise", 0.0)]:
        private = copy.deepcopy(model)
        stage = private.private_stage()
        sums = PoissonGaussianMechanism(
            PrivacyCost(sigma, rate, steps), len(patients), stage.num_values
        )
        for _ in dp_sgd(stage, public, patients, sums, options.clipping):
            pass
        yield f"dp_sgd, {name}", private


def public_model(
    images: RealImages, options: argparse.Namespace
) -> tuple[Family[Any, Any], TrainingImages, float]:
    """Train on public images; returns these and the seconds too."""
    num_classes = len(images.classes)
    public = _public(images, options.public)
    given = Circumstances(images.image_size, budget_images=options.images, private=True)
    family = FAMILIES[options.method]
    config = resolve_config(family, options.preset, dict(options.config), given).model_dump()
    model = new_model(family, config, ImageSpec(images.image_size, num_classes), seed=0)
    if options.public and (base := base_for(family, images.image_size)):
        start_from(model, images.classes, folder_of(base))
    began = time.process_time()
    for _ in Training(model, public, Budget(images=options.images), seed=0).run():
        pass
    return model, public, time.process_time() - began


def _public(images: RealImages, folder: Path | None) -> TrainingImages:
    """Read published images, of which none resembles a real one; draw some where there are none."""
    device = torch.device("cpu")
    if folder is None:
        return public_images(images.image_size, len(images.classes), device)
    published = load(FolderSource(folder), images.image_size)
    pixels = np.concatenate([published.training.pixels, published.held_out.pixels])
    labels = np.concatenate([published.training.labels, published.held_out.labels])
    new = ~_resembling(pixels, images)
    names = [published.classes[label] for label in labels[new]]
    return with_known_labels(pixels[new], names, images.classes, device)


def _resembling(pixels: Pixels, images: RealImages) -> NDArray[np.bool_]:
    """Say of which images, (n,), a real one has at 32 x 32 pixels a correlation above 0.98."""
    sides = (images.training.pixels, images.held_out.pixels)
    real = _standardised(np.concatenate(sides))
    similarity = (_standardised(pixels) @ real.T).max(axis=1)
    return np.asarray(similarity > RESEMBLING)


def _standardised(pixels: Pixels) -> NDArray[np.float32]:
    """Average over blocks, to 32 x 32, and give each image mean 0 and length 1."""
    block = pixels.shape[1] // 32
    means = pixels.reshape(len(pixels), 32, block, 32, block).mean((2, 4), dtype=np.float32)
    flat = means.reshape(len(pixels), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.private_quality",
        description=(__doc__ or "").partition("\n")[0],
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--method", choices=FAMILIES, default="mixture")
    parser.add_argument(
        "--config", type=setting, nargs="+", default=[], metavar="KEY=VALUE", help="of the family"
    )
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[1.0, 3.0, 10.0])
    parser.add_argument("--clipping", type=float, default=1.0, help="max_grad_norm of the request")
    parser.add_argument("--images", type=int, default=30_000, help="public images to see")
    parser.add_argument("--public", type=Path, metavar="FOLDER", help="published images")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--per-class", type=int, default=100, help="images to draw of each class")
    parser.add_argument(
        "--classifier-images", type=int, default=IMAGES_TO_SEE, help="fewer for a trial"
    )
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--output", type=Path, help="by default in benchmarks/results")
    return parser


if __name__ == "__main__":
    main()
