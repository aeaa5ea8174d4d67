"""Trains the bases that the package ships, on phantoms alone: `make base`.

    python -m workers.train.bases [--family ldm vae] [--image-size 64] [--images 12000]

The same arguments give the same bytes on processors of one kind: the budget is in images, and one
thread trains. Phantoms are drawn by the service, so no patient is behind a base.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.bases import FOLDER, name_of
from models.compact_weights import save_compact
from models.config import Circumstances
from models.family import Family, ImageSpec
from models.presets import resolve_config
from models.snapshot import DESCRIPTION, WEIGHTS, describe, new_model
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages
from models.warm_start import tensors_to_start_from
from radiographs.phantom import FINDINGS, draw

NUM_PHANTOMS = 3000
SEED = 20_260  # of the phantoms; no other part of the project draws by it
IMAGES = {"ldm": 12_000, "vae": 12_000}  # to see, with repetition
# what would be left behind anyway: a copy of the denoiser, made when it has been trained
OVERRIDES: dict[str, dict[str, Any]] = {"ldm": {"fast_share": 0.0}, "vae": {}}


def train_base(family: str, image_size: int, num_images: int, folder: Path) -> Path:
    """Train a base and write it into a folder of its name beneath another.

    Args:
        family: ldm or vae.
        image_size: Side of the phantoms, in pixels.
        num_images: To see in training, with repetition.
        folder: Where bases lie.

    Returns:
        Its own folder.
    """
    model = new_model(family, _config(family, image_size), ImageSpec(image_size, len(FINDINGS)), 0)
    training = Training(model, _phantoms(image_size), Budget(images=num_images), seed=0)
    for progress in training.run():
        if progress.losses:
            print(f"\r{name_of(family, image_size)} {progress.fraction:4.0%}", end="", flush=True)
    print(file=sys.stderr)
    return save_base(model, family, FINDINGS, folder)


def save_base(model: Family[Any, Any], family: str, classes: Sequence[str], folder: Path) -> Path:
    """Write what a training can start from of a trained model; returns where."""
    own = folder / name_of(family, model.spec.size).partition(":")[2]
    own.mkdir(parents=True, exist_ok=True)
    save_compact(tensors_to_start_from(model), own / WEIGHTS)
    text = json.dumps(describe(family, classes, model), indent=2, sort_keys=True)
    (own / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
    return own


def _config(family: str, image_size: int) -> dict[str, Any]:
    given = Circumstances(image_size, num_images=NUM_PHANTOMS)
    config = resolve_config(family, "standard", OVERRIDES[family], given)
    return config.model_dump(mode="json")


def _phantoms(image_size: int) -> TrainingImages:
    pixels = np.empty((NUM_PHANTOMS, image_size, image_size), np.uint8)
    labels = np.arange(NUM_PHANTOMS) % len(FINDINGS)
    for index, label in enumerate(labels):
        drawn = draw(FINDINGS[label], seed=SEED, index=index, size=image_size)
        pixels[index] = drawn.pixels
    return TrainingImages(pixels, labels, torch.device("cpu"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train the bases."""
    parser = argparse.ArgumentParser(prog="python -m workers.train.bases")
    parser.add_argument("--family", nargs="+", choices=list(IMAGES), default=list(IMAGES))
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--images", type=int, help="to see in training; by default so many as suit")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for family in options.family:
        num_images = options.images or IMAGES[family]
        print(train_base(family, options.image_size, num_images, options.folder))


if __name__ == "__main__":
    main()
