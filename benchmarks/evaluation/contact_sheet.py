"""A picture of some images of every class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.evaluation.real_images import Labels, Pixels

NUM_COLUMNS = 12


def save_contact_sheet(path: Path, pixels: Pixels, labels: Labels) -> None:
    """Save the first images of each class, a row per class.

    Args:
        path: A PNG file, outside of what git takes in.
        pixels: (n, size, size).
        labels: (n,).
    """
    size = pixels.shape[1]
    sheet = np.zeros((labels.max() + 1, size, NUM_COLUMNS, size), np.uint8)
    for label in np.unique(labels):
        for column, image in enumerate(pixels[labels == label][:NUM_COLUMNS]):
            sheet[label, :, column] = image
    Image.fromarray(sheet.reshape(-1, NUM_COLUMNS * size)).save(path)
