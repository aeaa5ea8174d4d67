"""Makes the weights of the text detector, from phantoms and drawn text alone.

    make text-detector

It takes about ten minutes of one core. The same versions of the packages on the same kind of
processor give the same weights; no real image is read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from benchmarks.burned_in_text.scenes import background, draw_scene
from benchmarks.burned_in_text.training import fit
from benchmarks.burned_in_text.windows_of_scenes import Windows, windows_of
from radiographs.burned_in_text.network import WEIGHTS, Weights

NUM_SCENES = 5000
NUM_EPOCHS = 6
SMALLEST, LARGEST = 96, 480  # sides of the scenes
MOST_LINES = 3  # places where text is written; at some there are two lines
WINDOWS_PER_LEVEL = 24  # of either kind
SCENE_SEED, PHANTOM_SEED = 7, 1


def windows_to_learn_from(num_scenes: int) -> Windows:
    """Draw scenes and cut windows out of them."""
    found = []
    for index in range(num_scenes):
        rng = np.random.default_rng([SCENE_SEED, index])
        size = int(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
        image = background(rng, size, PHANTOM_SEED, index)
        scene = draw_scene(rng, image, num_lines=int(rng.integers(0, MOST_LINES + 1)))
        windows = windows_of(scene, WINDOWS_PER_LEVEL, rng)
        found.append(Windows(windows.pixels.astype(np.float16), windows.truth))
    return Windows(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def write_weights(weights: Weights, path: Path) -> None:
    """Write weights in half precision."""
    np.savez_compressed(path, **{name: each.astype(np.float16) for name, each in weights.items()})


def main() -> None:
    """Draw, fit and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenes", type=int, default=NUM_SCENES)
    parser.add_argument("--epochs", type=int, default=NUM_EPOCHS)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    windows = windows_to_learn_from(arguments.scenes)
    print(f"{len(windows.truth):,} windows, {windows.truth.mean():.0%} of them with text")
    write_weights(fit(windows, arguments.epochs).weights(), arguments.out)


if __name__ == "__main__":
    main()
