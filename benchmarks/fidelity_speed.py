"""How fast is our Fréchet distance, and how little memory do precision and recall need?

    python -m benchmarks.fidelity_speed [--features 2048] [--rounds 3]

The Fréchet distance of made-up features is timed from features to number, in seconds of all threads
of the processor: ours against numpy's covariances and scipy's matrix root, as Heusel et al. 2017
write it, in turn on as many threads; and against the eigenvalues of the covariances' product, which
torch-fidelity 0.4 takes. Once with more images than features, and once with as few as a held-out
set has. Ratios carry Student's interval over the rounds.

Memory is the most that Python and numpy held at once (tracemalloc) while precision, recall, density
and coverage were measured: ours at 20,000 images a side, and ours and the package prdc side by side
at 4,000. Whole matrices of distances grow with the square, which says what prdc would need at
20,000. Writes benchmarks/results/fidelity_speed.json.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray
from prdc import compute_prdc
from scipy.linalg import sqrtm

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.ratios import paired_ratio
from benchmarks.evaluation.report import interval, rounded
from release.fidelity.frechet import frechet_distance
from release.fidelity.prdc import NUM_NEIGHBOURS, neighbourhoods

RESULTS = Path(__file__).parent / "results" / "fidelity_speed.json"
FEW_IMAGES = 800  # as a held-out set has
MEMORY_FEATURES = 224  # of our own classifier
MEBIBYTE = 2**20

Array = NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.2, 2, options.features)

    def features(num_images: int) -> Array:
        mixed = rng.normal(size=(num_images, options.features)) * spread
        return mixed + 0.3 * mixed[:, ::-1] + rng.normal(size=options.features)

    content = {
        "conditions": {**conditions(), "features": options.features, "rounds": options.rounds},
        "frechet_distance": {
            f"{num_images} images": race(features(num_images), features(num_images), options.rounds)
            for num_images in (2 * options.features, min(FEW_IMAGES, options.features // 2))
        },
        "neighbourhoods": memory(options.images, options.images_side_by_side, rng),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(rounded(content), indent=1) + "\n", encoding="utf-8")


def race(x: Array, y: Array, num_rounds: int) -> dict[str, object]:
    """Time the ways to the Fréchet distance in turn."""
    ways = {"ours": frechet_distance, "sqrtm": by_matrix_root, "eigvals": by_eigenvalues}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found = {}
    for _ in range(num_rounds):
        for name, way in ways.items():
            began = time.process_time()
            found[name] = way(x, y)
            seconds[name].append(time.process_time() - began)
    speedups = {
        name: paired_ratio(seconds[name], seconds["ours"]) for name in ways if name != "ours"
    }
    apart = {name: abs(value / found["ours"] - 1) for name, value in found.items()}
    for name, speedup in speedups.items():
        print(f"{len(x)} images: {interval(speedup, '.1f')} times as fast as {name}", flush=True)
    return {
        "seconds": {name: median(taken) for name, taken in seconds.items()},
        "times_as_fast_as": {name: asdict(speedup) for name, speedup in speedups.items()},
        "relative_difference": {name: apart[name] for name in speedups},
    }


def by_matrix_root(x: Array, y: Array) -> float:
    """Heusel et al. 2017, equation 6, as it is written."""
    s_x, s_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = np.asarray(sqrtm(s_x @ s_y)).real
    return float(np.square(x.mean(0) - y.mean(0)).sum() + np.trace(s_x + s_y - 2 * root))


def by_eigenvalues(x: Array, y: Array) -> float:
    """The same by the eigenvalues of the product, which is not symmetric."""
    s_x, s_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(s_x @ s_y).astype(np.complex128)).real
    traces = np.trace(s_x) + np.trace(s_y)
    return float(np.square(x.mean(0) - y.mean(0)).sum() + traces - 2 * roots.sum())


def memory(num_images: int, num_side_by_side: int, rng: np.random.Generator) -> dict[str, object]:
    """Measure the most memory that ours and prdc's hold."""

    def points(n: int) -> Array:
        return rng.normal(size=(n, MEMORY_FEATURES))

    def theirs(x: Array, y: Array) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            compute_prdc(x, y, NUM_NEIGHBOURS)

    x, y = points(num_images), points(num_images)
    began = time.process_time()
    alone = most_memory(lambda: neighbourhoods(x, y))
    seconds = time.process_time() - began
    few = x[:num_side_by_side], y[:num_side_by_side]
    ours, peer = most_memory(lambda: neighbourhoods(*few)), most_memory(lambda: theirs(*few))
    at_full_size = peer * (num_images / num_side_by_side) ** 2
    print(
        f"{num_images} images: {alone:.0f} MiB and {seconds:.0f} s; prdc about {at_full_size:.0f}"
    )
    return {
        "features": MEMORY_FEATURES,
        "num_neighbours": NUM_NEIGHBOURS,
        f"{num_images} images": {
            "mebibytes": alone,
            "seconds": seconds,
            "prdc_mebibytes_extrapolated": at_full_size,
        },
        f"{num_side_by_side} images": {"mebibytes": ours, "prdc_mebibytes": peer},
    }


def most_memory(task: Callable[[], object]) -> float:
    """Run a task and return its peak memory, in MiB."""
    tracemalloc.start()
    try:
        task()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return most / MEBIBYTE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fidelity_speed",
        description=(__doc__ or "").partition("\n")[0],
    )
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=20_000, help="where memory is measured")
    parser.add_argument("--images-side-by-side", type=int, default=4000)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
