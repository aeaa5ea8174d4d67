"""Does adversarial training collapse? Train the same network from several seeds, and count.

    python -m benchmarks.gan_stability [--seeds 5] [--phantoms 1000] [--seconds 60]

Each seed trains on the training side of as many phantoms, and draws as many images of each class as
there are there. A run has collapsed when the images cover less than 0.6 of the training images,
seen by their 8 principal components, each of unit variance: there ten real images cover about a
tenth of the others, one mean image nothing, and half of the real images nearly all of the other
half.

Coverage by the features of a classifier that knows the phantoms is shown beside it and decides
nothing: images whose details are off cover little there, even where no two are alike. Prints a
table and writes the figures to benchmarks/results/gan_stability.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from benchmarks.evaluation.families import draw_images, train_family
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import Pixels, load
from models.presets import PRESETS
from radiographs.ingest import PhantomSource
from radiographs.phantom import FINDINGS
from release.features.classifier import read
from release.features.classifier_training import train_classifier
from release.fidelity.prdc import NUM_NEIGHBOURS, Array, reach

RESULTS = Path(__file__).parent / "results" / "gan_stability.json"
COLLAPSED_BELOW = 0.6  # coverage by components
NUM_COMPONENTS = 8


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())
    per_finding = options.phantoms // len(FINDINGS)
    images = load(PhantomSource(dict.fromkeys(FINDINGS, per_finding)), options.image_size)
    classifier = train_classifier(
        images.training, len(images.classes), seed=0, images_to_see=options.classifier_images
    )
    spaces: dict[str, Callable[[Pixels], Array]] = {
        "components": components_of(images.training.pixels),
        "features": lambda pixels: read(classifier, pixels).features,
    }
    known = {space: view(images.training.pixels) for space, view in spaces.items()}

    def covered(pixels: Pixels) -> dict[str, float]:
        return {space: coverage(known[space], view(pixels)) for space, view in spaces.items()}

    held_out = covered(images.held_out.pixels)
    one_image = covered(images.training.pixels.mean(0, keepdims=True).astype(np.uint8))
    print(f"{len(images.held_out)} held-out images cover {_shown(held_out)}")
    print(f"one mean image covers {_shown(one_image)}")

    runs, collapses = [], 0
    for seed in range(options.seeds):
        snapshot, cost = train_family(
            "gan", images.training, images.classes, options.preset, options.seconds, seed
        )
        drawn, _ = draw_images(snapshot, images.training.labels, seed)
        reached = covered(drawn)
        runs.append({"seed": seed, "coverage": reached, **cost})
        collapses += reached["components"] < COLLAPSED_BELOW
        print(f"seed {seed}: coverage {_shown(reached)}", flush=True)
    print(f"{collapses} of {len(runs)} collapsed (coverage below {COLLAPSED_BELOW}); target 0")
    about = {
        **conditions(),
        "phantoms": len(images.training) + len(images.held_out),
        "image_size": options.image_size,
        "preset": options.preset,
        "budget_seconds": options.seconds,
        "num_neighbours": NUM_NEIGHBOURS,
        "held_out_images": len(images.held_out),
        "held_out_coverage": held_out,
        "one_image_coverage": one_image,
    }
    figures = {"conditions": about, "collapses": collapses, "target": 0, "runs": runs}
    options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def coverage(real: Array, synthetic: Array) -> float:
    """Return the share of real images with a synthetic one in their neighbourhood, of any number.

    A generator that draws few images, however good, leaves most neighbourhoods empty; as many fresh
    real images would leave about 1 / 2^k of them so.
    """
    nearest, _ = cKDTree(synthetic).query(real)
    return float((nearest**2 < reach(real, NUM_NEIGHBOURS)).mean())


def components_of(known: Pixels) -> Callable[[Pixels], Array]:
    """See images (n, size, size) by the principal components of known ones, (n, 8)."""
    flat = known.reshape(len(known), -1).astype(np.float64)
    mean = flat.mean(0)
    _, scales, axes = np.linalg.svd(flat - mean, full_matrices=False)
    whitening = axes[:NUM_COMPONENTS].T / scales[:NUM_COMPONENTS] * len(flat) ** 0.5

    def components(pixels: Pixels) -> Array:
        seen: Array = (pixels.reshape(len(pixels), -1) - mean) @ whitening
        return seen

    return components


def _shown(coverages: dict[str, float]) -> str:
    return ", ".join(f"{covered:.3f} by {space}" for space, covered in coverages.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gan_stability",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many runs")
    parser.add_argument("--phantoms", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60, help="training of each run")
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--preset", choices=list(PRESETS), default="standard")
    parser.add_argument("--classifier-images", type=int, default=16_000)
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
