"""What does the KID that a training reports say, and how noisy is it?

    python -m benchmarks.training_kid --data FOLDER [--family vae] [--budget 6000]

KID by random features (`workers.train.kid_monitor`) of 64 images, against training images:

- of real images that nothing was trained on, drawn anew and anew: its mean would be 0, and its
  spread is the noise of one look;
- of the same images blurred, in noise and with less contrast: how much worse images must be to be
  noticed;
- of a model at each tenth of a training, beside KID by a classifier of these classes, trained for
  it, of 255 images of other seeds: do the two agree on the order?

Prints tables and writes benchmarks/results/training_kid.json.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import phantoms
from benchmarks.white_box_attack import Patients, ingested
from models.config import Circumstances
from models.family import Family, ImageSpec
from models.presets import PRESETS, resolve_config
from models.registry import FAMILIES, sampler_class
from models.sampling import sample_pixels
from models.snapshot import new_model
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages
from radiographs.ingest import FolderSource
from radiographs.splits.split import Split
from release.features.classifier import read
from release.features.classifier_training import train_classifier
from release.fidelity.kid import Sample, kid
from workers.train.kid_monitor import NUM_DRAWN, NUM_REFERENCE, KidMonitor

RESULTS = Path(__file__).parent / "results" / "training_kid.json"
NUM_LOOKS = 10
MANY = 255  # images for the classifier's KID
SPOILT: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "none": lambda images: images,
    "blur, 0.5 px": lambda images: gaussian_filter(images, (0, 0.5, 0.5)),
    "blur, 1 px": lambda images: gaussian_filter(images, (0, 1, 1)),
    "blur, 2 px": lambda images: gaussian_filter(images, (0, 2, 2)),
    "noise, 8 grey levels": lambda images: images + _noise(images, 8),
    "noise, 16 grey levels": lambda images: images + _noise(images, 16),
    "contrast, 0.8": lambda images: 128 + 0.8 * (images - 128),
    "contrast, 0.6": lambda images: 128 + 0.6 * (images - 128),
}

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads)
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    patients = ingested(source, options.image_size).one_each()
    reference = patients.where(patients.splits == Split.TRAIN)
    unseen = patients.where(~patients.member)
    found: Row = {**conditions(), "image_size": options.image_size, "budget": options.budget}
    monitor = monitor_of(reference, "vae")
    found["real"] = [spoilt_row(monitor, unseen, name, options.draws) for name in SPOILT]
    for row in found["real"]:
        print(f"| {row['spoilt']} | {row['mean']:.3f} | {row['deviation']:.3f} |", flush=True)
    options.output.write_text(json.dumps(found, indent=1) + "\n")
    by_classifier = classifier_kid(patients, options)
    found["trainings"] = []
    for family in options.family:
        looks = list(trained(family, patients, reference, by_classifier, options))
        order = spearmanr([each["kid"] for each in looks], [each["classifier"] for each in looks])
        found["trainings"].append(
            {"family": family, "looks": looks, "rank_correlation": round(float(order[0]), 3)}
        )
        print(f"| {family} | rank correlation {order[0]:.2f} |", flush=True)
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def monitor_of(reference: Patients, family: str) -> KidMonitor:
    """Compare with as many images of each class as a training does."""
    num_classes = len(reference.classes)
    of_class = [reference.pixels[reference.labels == label] for label in range(num_classes)]
    most = NUM_REFERENCE // num_classes
    return KidMonitor([each[:most] for each in of_class], sampler_class(family)(), max_share=1e9)


def spoilt_row(monitor: KidMonitor, unseen: Patients, name: str, draws: int) -> Row:
    """Measure spoilt real images, drawn anew and anew."""
    rng, num_classes = np.random.default_rng(0), len(unseen.classes)
    values = []
    for _ in range(draws):
        places = [
            rng.choice(np.flatnonzero(unseen.labels == label), NUM_DRAWN // num_classes, False)
            for label in range(num_classes)
        ]
        some = unseen.where(np.concatenate(places))
        pixels = SPOILT[name](some.pixels.astype(np.float64)).round().clip(0, 255)
        values.append(monitor.compare(pixels.astype(np.uint8), some.labels).value)
    return {
        "spoilt": name,
        "draws": draws,
        "mean": round(float(np.mean(values)), 4),
        "deviation": round(float(np.std(values, ddof=1)), 4),
    }


def classifier_kid(
    patients: Patients, options: argparse.Namespace
) -> Callable[[NDArray[np.uint8], NDArray[np.int64]], float]:
    """Train a classifier on the training images; returns what measures KID to them by it."""
    training = patients.where(patients.member)
    classifier = train_classifier(
        training, len(patients.classes), options.seed, options.classifier_images
    )

    def samples(pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> list[Sample]:
        features = read(classifier, pixels).features.astype(np.float64)
        of_class = (features[labels == label] for label in range(len(patients.classes)))
        return [Sample(each, np.arange(len(each))) for each in of_class]

    known = samples(training.pixels[:2000], training.labels[:2000])
    return lambda pixels, labels: (
        kid(samples(pixels, labels), known, np.random.default_rng(0)).value
    )


def trained(
    family: str,
    patients: Patients,
    reference: Patients,
    by_classifier: Callable[[NDArray[np.uint8], NDArray[np.int64]], float],
    options: argparse.Namespace,
) -> Iterator[Row]:
    """Train a model, and look at it at each tenth by both."""
    images = patients.where(patients.member)
    given = Circumstances(options.image_size, len(images.labels), budget_images=options.budget)
    config = resolve_config(family, options.preset, {}, given).model_dump()
    spec = ImageSpec(options.image_size, len(patients.classes))
    training = Training(
        new_model(family, config, spec, options.seed),
        TrainingImages(images.pixels, images.labels, groups=images.groups),
        Budget(images=options.budget),
        seed=options.seed,
    )
    monitor, looks = monitor_of(reference, family), 0
    for progress in training.run():
        if progress.can_sample and progress.losses and progress.fraction * NUM_LOOKS >= looks + 1:
            looks = math.floor(progress.fraction * NUM_LOOKS)
            with training.averaged() as model:
                look = monitor.measure(model, progress.fraction)
                look = look or monitor.measure(model, progress.fraction)
                assert look is not None, "the first call finds the price alone"
                row = {
                    "images_seen": progress.images_seen,
                    "kid": round(look.value, 4),
                    "low": round(look.low, 4),
                    "high": round(look.high, 4),
                    "classifier": round(by_classifier(*drawn(model, family)), 4),
                }
            print(row, flush=True)
            yield row


def drawn(model: Family[Any, Any], family: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw many images of each class, of seeds of their own."""
    labels = [index % model.spec.num_classes for index in range(MANY)]
    seeds = [10**6 + index for index in range(MANY)]
    pixels = np.concatenate(list(sample_pixels(model, labels, seeds, sampler_class(family)())))
    return pixels, np.array(labels)


def _noise(images: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(0, deviation, images.shape)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_kid", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--image-size", type=int, choices=(64, 128), default=64)
    parser.add_argument("--budget", type=int, default=6_000, help="in images")
    parser.add_argument("--family", nargs="+", choices=list(FAMILIES), default=["vae"])
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--classifier-images", type=int, default=16_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
