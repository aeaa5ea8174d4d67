"""Where each pixel of an image lies in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.floating[Any]]  # float32 for speed; no type follows it through every sum


@dataclass(frozen=True)
class View:
    """A patient's position on the image.

    Args:
        x: Patient's horizontal coordinate at each pixel.
        y: Vertical coordinate at each pixel.
        to_pixel: (2, 3) matrix from (x, y, 1) to pixel column and row.
    """

    x: Plane
    y: Plane
    to_pixel: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Side of the image in pixels."""
        return len(self.x)


def random_view(rng: np.random.Generator, size: int) -> View:
    """Draw a position: a little tilted, nearer or farther, off the centre."""
    angle, zoom = np.deg2rad(rng.normal(0, 2.0)), rng.uniform(0.92, 1.12)
    shift_x, shift_y = rng.normal(0, 0.035), rng.normal(0, 0.035)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    to_patient = np.column_stack([turn / zoom, [shift_x, shift_y]])
    image = ((np.arange(size) + 0.5) * 2 / size - 1).astype(np.float32)
    x, y = (
        (a * image[None, :] + b * image[:, None] + c).astype(np.float32) for a, b, c in to_patient
    )
    back = np.linalg.inv(to_patient[:, :2])
    to_image = np.column_stack([back, -back @ to_patient[:, 2]])
    return View(x, y, to_image * size / 2 + np.array([[0, 0, size / 2], [0, 0, size / 2]]))


def inside(distance: Plane, softness: float) -> Plane:
    """Return 1 where the distance is well above 0, 0 well below, a smooth edge between."""
    t = np.clip(distance * np.float32(0.5 / softness) + np.float32(0.5), 0, 1)
    edge: Plane = t * t * (3 - 2 * t)
    return edge


def smooth_noise(rng: np.random.Generator, cells: int, size: int) -> Plane:
    """Draw a random field of unit variance that changes over about size / cells pixels."""
    coarse = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
    return np.asarray(coarse.resize((size, size), Image.Resampling.BICUBIC))
