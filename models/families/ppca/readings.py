"""Reading the training images: their leading axes, and where they lie along them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from models.families.ppca.density import Points
from models.nn.pca import (
    IMAGES_PER_READING,
    MAX_SIDE,
    NUM_PASSES,
    LeadingAxes,
    leading_axes,
)
from models.training_images import TrainingImages

MIN_IMAGES_PER_READING = 16
SHARE_OF_AXES = (NUM_PASSES + 1) / (NUM_PASSES + 2)  # of all readings

T = TypeVar("T")


def axes_and_points(
    images: TrainingImages, places: Tensor, num_axes: int
) -> Generator[float, None, tuple[LeadingAxes, Points]]:
    """Find the leading axes of some images, and where all images lie along them.

    Args:
        images: All of them.
        places: (n,), those that the axes are found for.
        num_axes: How many.

    Yields:
        The fraction done.
    """
    num_pixels = images.read(places[:1]).numel()
    at_once = images_per_reading(num_pixels)

    def read() -> Iterator[tuple[Tensor, float]]:
        num_read = 0
        for some in torch.split(places, at_once):
            num_read += len(some)
            yield images.read(some).flatten(1), num_read / len(places)

    finding = leading_axes(read, len(places), num_pixels, num_axes)
    axes = yield from part_of_the_work(finding, 0.0, SHARE_OF_AXES)
    points = yield from part_of_the_work(_points(images, axes, num_axes), SHARE_OF_AXES, 1.0)
    return axes, points


def _points(
    images: TrainingImages, axes: LeadingAxes, num_axes: int
) -> Generator[float, None, Points]:
    directions = axes.directions(num_axes)
    coordinates, squares = [], []
    for some in images.in_order(images_per_reading(len(axes.center))):
        centred = images.read(some).flatten(1) - axes.center
        coordinates.append((centred @ directions).double().cpu())
        squares.append(centred.double().square().sum(1).cpu())
        yield (int(some[-1]) + 1) / len(images)
    return Points(torch.cat(coordinates), torch.cat(squares), len(axes.center))


def images_per_reading(num_pixels: int) -> int:
    """Say how many images are read at once: fewer large ones, so that memory stays bounded."""
    return max(MIN_IMAGES_PER_READING, IMAGES_PER_READING * MAX_SIDE**2 // num_pixels)


def part_of_the_work(
    work: Generator[float, None, T], begin: float, end: float
) -> Generator[float, None, T]:
    """Yield the fractions of a part of some work as those of the whole; returns what it returns."""
    while True:
        try:
            done = next(work)
        except StopIteration as ended:
            result: T = ended.value
            return result
        yield begin + (end - begin) * done
