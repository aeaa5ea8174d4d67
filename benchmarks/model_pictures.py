"""What do the families draw? The picture of docs/models.md, of phantoms alone.

    python -m benchmarks.model_pictures

A row of drawn chests, then one each of `ppca`, `vae` and `ldm`, trained on such chests, the last
two from their bases: three images of each class, the first, none chosen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.evaluation.families import draw_images, train_family
from benchmarks.evaluation.real_images import Pixels, load, phantoms
from models.bases import base_for, folder_of
from radiographs.phantom import FINDINGS, draw

PICTURE = Path(__file__).parents[1] / "docs" / "models.png"
SIZE = 64
PER_CLASS = 3
NUM_CHESTS = 1200  # to train on
IMAGES_TO_SEE = {"ppca": 1, "vae": 10_000, "ldm": 6_000}  # `ppca` needs none
SEED = 0


def main() -> None:
    """Draw and save the picture."""
    shown = np.stack([np.hstack(list(row)) for row in rows()])
    Image.fromarray(shown.reshape(-1, shown.shape[-1])).save(PICTURE, optimize=True)


def rows() -> Iterator[Pixels]:
    """Give the rows, (n, size, size) each."""
    yield np.stack(
        [
            draw(finding, seed=SEED, index=index, size=SIZE).pixels
            for finding in FINDINGS
            for index in range(PER_CLASS)
        ]
    )
    chests = load(phantoms(NUM_CHESTS), SIZE)
    for family, num_images in IMAGES_TO_SEE.items():
        base = base_for(family, SIZE)
        start = folder_of(base) if base else None
        snapshot, _ = train_family(
            family, chests.training, chests.classes, "standard", None, SEED, start, num_images
        )
        labels = np.repeat([snapshot.classes.index(each) for each in FINDINGS], PER_CLASS)
        yield draw_images(snapshot, labels, SEED)[0]


if __name__ == "__main__":
    main()
