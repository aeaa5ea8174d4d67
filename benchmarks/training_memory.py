"""How much memory does each family's training take at each size, and how many images does it see?

    python -m benchmarks.training_memory [--family vae gan ldm] [--image-size 64 128 256]

Each training by its standard preset runs in a process of its own: drawn chests, repeated up to
`--images`, are trained on until a few batches of every stage are done, and a batch is drawn. Peak
memory is the largest resident set that the system saw of that process, so it holds the images and
PyTorch too. Rates are by processor time, from the fastest update of each stage: other work on the
machine slows the clock, and some updates, but not the fastest by much.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.report import rounded
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import FAMILIES, sampler_class
from models.sampling import sample_pixels
from models.snapshot import new_model
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages
from radiographs.phantom import FINDINGS, draw

RESULTS = Path(__file__).parent / "results" / "training_memory.json"
SIZES = (64, 128, 256)
DEEP = ["vae", "gan", "ldm"]
DRAWN = 256  # different images
BUDGET_SECONDS = 1800.0  # that the preset is chosen for


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.in_this_process:
        [family], [size] = options.family, options.image_size
        print(json.dumps(train(family, size, options)))
        return
    measured = []
    for size in options.image_size:
        for family in options.family:
            measured.append(_in_a_process(family, size, options))
            print(_line(measured[-1]), flush=True)
            content = {"conditions": conditions(), "trainings": measured}
            text = json.dumps(rounded(content), indent=1)
            options.output.write_text(text + "\n", encoding="utf-8")


def train(family: str, size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Train and draw a little in this process, and say what it took."""
    torch.set_num_threads(options.torch_threads)
    images = _images(size, options.images)
    given = Circumstances(size, len(images), budget_seconds=BUDGET_SECONDS)
    config = resolve_config(family, options.preset, {}, given).model_dump()
    if "prior_updates" in config:
        config["prior_updates"] = min(config["prior_updates"], options.to_see)
    model = new_model(family, config, ImageSpec(size, len(FINDINGS)), seed=0)
    num_parameters = sum(each.numel() for each in model.parameters())
    training = Training(model, images, Budget(images=options.to_see), seed=0)
    rates = _images_per_second(training)
    labels = list(range(len(FINDINGS)))
    [drawn] = sample_pixels(model, labels, labels, sampler_class(family)())
    assert drawn.shape == (len(labels), size, size)
    return {
        "family": family,
        "image_size": size,
        "images": len(images),
        "parameters": num_parameters,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "images_seen": training.images_seen,
        "images_per_second": rates,
    }


def _images_per_second(training: Training) -> dict[str, float]:
    """Train to the end, and say how many images a second of processor time each stage sees."""
    batches = {stage.name: stage.batch_size for stage in training.model.stages()}
    fastest: dict[str, float] = {}
    before, seen = time.process_time(), 0
    for progress in training.run():
        now = time.process_time()
        if progress.losses and progress.images_seen > seen and now > before:
            rate = batches[progress.stage] / (now - before)
            fastest[progress.stage] = max(fastest.get(progress.stage, 0.0), rate)
        before, seen = now, progress.images_seen
    return fastest


def _images(size: int, num_images: int) -> TrainingImages:
    names = list(FINDINGS)
    labels = np.arange(num_images) % DRAWN % len(names)
    drawn = [
        draw(names[index % len(names)], seed=0, index=index, size=size).pixels
        for index in range(min(DRAWN, num_images))
    ]
    return TrainingImages(np.stack(drawn)[np.arange(num_images) % DRAWN], labels)


def _in_a_process(family: str, size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Measure in a fresh process, whose memory begins at nothing."""
    command = [
        *(sys.executable, "-m", "benchmarks.training_memory", "--in-this-process"),
        *("--family", family, "--image-size", str(size), "--images", str(options.images)),
        *("--to-see", str(options.to_see), "--preset", options.preset),
        *("--torch-threads", str(options.torch_threads)),
    ]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def _line(found: dict[str, Any]) -> str:
    rates = ", ".join(f"{name} {rate:.1f}" for name, rate in found["images_per_second"].items())
    return (
        f"{found['family']} at {found['image_size']} px: {found['peak_memory_mib']:.0f} MiB, "
        f"images a second: {rates}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training_memory",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument(
        "--family", nargs="+", choices=list(FAMILIES), default=["vae", "gan", "ldm"]
    )
    parser.add_argument("--image-size", type=int, nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--preset", choices=("standard", "tiny"), default="standard")
    parser.add_argument("--images", type=int, default=5_000, help="in the training set")
    parser.add_argument("--to-see", type=int, default=512, help="in training")
    parser.add_argument("--torch-threads", type=int, default=1)
    parser.add_argument("--in-this-process", action="store_true", help="measure one, print JSON")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
