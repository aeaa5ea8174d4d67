"""From images to a trained model of a family, and from there to synthetic images."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluation.real_images import LabelledSet, Labels, Pixels
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.seeding import image_seed
from models.snapshot import DESCRIPTION, Snapshot, load_snapshot, new_model
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages
from models.warm_start import start_from

Cost = dict[str, float | int]


def train_family(
    family: str,
    images: LabelledSet,
    classes: tuple[str, ...],
    preset: str,
    seconds: float | None,
    seed: int,
    init_from: Path | None = None,
    num_images: int | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Snapshot, Cost]:
    """Train a model as the service would, and say what it took.

    Args:
        family: Its name.
        images: To learn from.
        classes: Their labels' names.
        preset: What the config starts from.
        seconds: The budget; None where it is in images.
        seed: Of weights and updates.
        init_from: The folder of the snapshot that it starts from, if any.
        num_images: The budget where it is in images to see.
        overrides: Fields that replace the preset's.
    """
    size = images.pixels.shape[1]
    given = Circumstances(size, len(images), budget_images=num_images, budget_seconds=seconds)
    config = resolve_config(family, preset, overrides or {}, given)
    model = new_model(family, config.model_dump(), ImageSpec(size, len(classes)), seed)
    if init_from:
        start_from(model, classes, init_from)
    known = TrainingImages(images.pixels, images.labels, groups=images.groups)
    training = Training(model, known, Budget(num_images, seconds), seed=seed)
    began, worked = time.monotonic(), time.process_time()
    for progress in training.run():
        seen = progress.images_seen
        show(f"training {family}: {progress.stage} {progress.fraction:.0%}, {seen} images")
    took, worked = time.monotonic() - began, time.process_time() - worked
    seen = training.images_seen
    print(f"\rtraining {family}: {took:.1f} s, {seen} images".ljust(70), file=sys.stderr)
    cost = {"training_seconds": took, "processor_seconds": worked, "images_seen": seen}
    return Snapshot(family, classes, model), cost


def draw_images(
    snapshot: Snapshot, labels: Labels, seed: int, options: Mapping[str, Any] | None = None
) -> tuple[Pixels, float]:
    """Draw an image for each label; returns the seconds too.

    Args:
        snapshot: What draws.
        labels: (n,), a class's place.
        seed: Images of one place have the same noise, whatever the options.
        options: Of the family's sampler, where they are not the defaults.
    """
    seeds = [image_seed(seed, index) for index in range(len(labels))]
    sampler = sampler_class(snapshot.family)(**(options or {}))
    began = time.monotonic()
    batches = []
    for batch in sample_pixels(snapshot.model, labels.tolist(), seeds, sampler):
        batches.append(batch)
        show(f"sampling {snapshot.family}: {sum(map(len, batches))} of {len(labels)}")
    seconds = time.monotonic() - began
    print(file=sys.stderr)
    return np.concatenate(batches), seconds


def snapshots_beneath(
    folder: Path, classes: tuple[str, ...], image_size: int
) -> Iterator[tuple[str, Snapshot]]:
    """Load every snapshot in a folder, each with its place there.

    Args:
        folder: Searched with all that lies beneath it.
        classes: What each must draw.
        image_size: And of which size, in pixels.

    Raises:
        SystemExit: There is none, or one draws other classes or sizes than the images have.
    """
    found = sorted(path.parent for path in folder.rglob(DESCRIPTION))
    if not found:
        raise SystemExit(f"{folder} holds no snapshot: no {DESCRIPTION} beneath it.")
    for place in found:
        snapshot = load_snapshot(place)
        expected, size = snapshot.classes, snapshot.model.spec.size
        if (expected, size) != (classes, image_size):
            raise SystemExit(
                f"{place} draws {', '.join(expected)} at {size} px; the images are "
                f"{', '.join(classes)} at {image_size} px."
            )
        yield str(place.relative_to(folder)), snapshot


def setting(text: str) -> tuple[str, Any]:
    """Read a field and its value from a command line: `name=JSON`, or `name=word` for a text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def show(line: str) -> None:
    """Show how far a long run is, where somebody looks."""
    if sys.stderr.isatty():
        print(f"\r{line}".ljust(70), end="", file=sys.stderr, flush=True)
