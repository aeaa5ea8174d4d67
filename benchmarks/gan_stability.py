"""Does adversarial training collapse? Train the same network from several seeds, and count.

    python -m benchmarks.gan_stability [--seeds 5] [--phantoms 1000] [--seconds 60]

Each seed trains on the training side of as many phantoms, and draws as many films of each class as
there are there. A run has collapsed when the films cover less than 0.6 of the training films. They
are compared by the features of a classifier that was trained on the same phantoms. Prints a table
and writes the figures to benchmarks/results/gan_stability.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.evaluation.classifier import read, train_classifier
from benchmarks.evaluation.coverage import NUM_NEIGHBOURS, coverage
from benchmarks.evaluation.families import draw_films, train_family
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_films import load
from models.presets import PRESETS
from radiographs.ingest import PhantomSource
from radiographs.phantom import FINDINGS

RESULTS = Path(__file__).parent / "results" / "gan_stability.json"
COLLAPSED_BELOW = 0.6  # coverage


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())
    per_finding = options.phantoms // len(FINDINGS)
    films = load(PhantomSource(dict.fromkeys(FINDINGS, per_finding)), options.image_size)
    classifier = train_classifier(
        films.training, len(films.classes), seed=0, images_to_see=options.classifier_images
    )
    known = read(classifier, films.training.pixels).features
    ceiling = coverage(known, read(classifier, films.held_out.pixels).features)
    mean_film = films.training.pixels.mean(0, keepdims=True).astype(np.uint8)
    one_film = coverage(known, read(classifier, mean_film).features)
    print(f"held-out films cover {ceiling:.3f} (fewer: {len(films.held_out)}), one {one_film:.3f}")

    runs = []
    for seed in range(options.seeds):
        snapshot, cost = train_family(
            "gan", films.training, films.classes, options.preset, options.seconds, seed
        )
        drawn, _ = draw_films(snapshot, films.training.labels, seed)
        reached = coverage(known, read(classifier, drawn).features)
        runs.append({"seed": seed, "coverage": reached, **cost})
        print(f"seed {seed}: coverage {reached:.3f}", flush=True)
    collapses = sum(run["coverage"] < COLLAPSED_BELOW for run in runs)
    print(f"{collapses} of {len(runs)} collapsed (coverage below {COLLAPSED_BELOW}); target 0")
    about = {
        **conditions(),
        "phantoms": len(films.training) + len(films.held_out),
        "image_size": options.image_size,
        "preset": options.preset,
        "budget_seconds": options.seconds,
        "coverage": f"k = {NUM_NEIGHBOURS}, features of a classifier trained on the same phantoms",
        "held_out_coverage": ceiling,
        "one_film_coverage": one_film,
    }
    figures = {"conditions": about, "collapses": collapses, "target": 0, "runs": runs}
    options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


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
