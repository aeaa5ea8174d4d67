"""Training of the small classifier: balanced draws, small turns and shifts, one cycle of rates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from models.nn.warp import warp
from models.optimiser import EagerAdamW
from models.precision import autocast, fastest_dtype
from release.cancellation import check_cancelled
from release.data import Pixels
from release.features.classifier import ImageClassifier, as_images, read

CPU = torch.device("cpu")
BATCH_SIZE = 64
IMAGES_TO_SEE = 64_000  # a minute or two on two cores at 64 px
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
SHIFT = 3  # pixels of 64
ROTATION = 0.1  # radians
ZOOM = 0.08
CONTRAST = 0.15


class Labelled(Protocol):
    """Images and their classes, as `release.data.LabelledImages`."""

    @property
    def pixels(self) -> Pixels:
        """(n, size, size)."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n,), each from 0."""


def train_classifier(
    images: Labelled,
    num_classes: int,
    seed: int,
    images_to_see: int = IMAGES_TO_SEE,
) -> ImageClassifier:
    """Train on images drawn with every class equally often; the same seed learns the same weights.

    Args:
        images: The training images, T: never an image that something is measured on.
        num_classes: Number of classes.
        seed: Draws the first weights, the batches and the augmentation.
        images_to_see: Length of the training.
    """
    balance = evenly(images.labels)
    classifier = fit_classifier(images, balance, num_classes, seed, images_to_see)
    features = torch.from_numpy(read(classifier, images.pixels).features)
    center = balance @ features
    deviation = (balance @ (features - center).square()).sqrt()
    classifier.center.copy_(center)
    classifier.scale.copy_(deviation.clamp_min(1e-3))
    return classifier


def fit_classifier(
    images: Labelled,
    chances: Tensor,
    num_classes: int,
    seed: int,
    images_to_see: int,
    class_weights: Tensor | None = None,
) -> ImageClassifier:
    """Train, and leave the features as they are; the same seed learns the same weights.

    Args:
        images: The training images.
        chances: (n,), how likely each image is to be drawn, in proportion.
        num_classes: Number of classes.
        seed: Draws the first weights, the batches and the augmentation.
        images_to_see: Length of the training.
        class_weights: (num_classes,), what an error on each class costs, in proportion; all the
            same when None.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = ImageClassifier(num_classes).to(memory_format=torch.channels_last)
        num_updates = max(1, images_to_see // BATCH_SIZE)
        optimiser = EagerAdamW(classifier.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, num_updates)
        for batch, labels in _batches(images, chances, num_updates):
            check_cancelled()
            with autocast(CPU, fastest_dtype(CPU)):
                scores = classifier(batch)
            loss = F.cross_entropy(scores.float(), labels, class_weights)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return classifier.eval()


def evenly(labels: NDArray[np.int64]) -> Tensor:
    """Give every class the same chance, shared evenly among its images; all add up to 1."""
    counts = torch.from_numpy(labels).bincount()
    chances: Tensor = 1 / (counts[labels] * (counts > 0).sum()).double()
    return chances


def _batches(
    images: Labelled, chances: Tensor, num_updates: int
) -> Iterator[tuple[Tensor, Tensor]]:
    pixels, labels = torch.from_numpy(images.pixels), torch.from_numpy(images.labels)
    for _ in range(num_updates):
        drawn = torch.multinomial(chances, BATCH_SIZE, replacement=True)
        yield _augmented(as_images(pixels[drawn])), labels[drawn]


def _augmented(images: Tensor) -> Tensor:
    """Turn and zoom, shift by whole pixels, and change the contrast; no flips: the heart is left.

    Half of the images are not turned, so that the texture of images as they are is learned too.
    """
    turned = torch.rand(len(images), 1, 1, 1) < 0.5
    shifted = _shifted(torch.where(turned, _turned(images), images))
    gain, offset = CONTRAST * _uniform(2, len(images), 1, 1, 1)
    augmented: Tensor = (shifted * (1 + gain) + offset).clamp(-1, 1)
    return augmented.contiguous(memory_format=torch.channels_last)


def _turned(images: Tensor) -> Tensor:
    angle, zoom = ROTATION * _uniform(len(images)), 1 + ZOOM * _uniform(len(images))
    return warp(images, angle, width=zoom, height=zoom)


def _shifted(images: Tensor) -> Tensor:
    b, _, h, w = images.shape
    margin = max(1, round(SHIFT * h / 64))
    padded = F.pad(images, [margin] * 4, mode="replicate").squeeze(1)
    shift = torch.randint(2 * margin + 1, (2, b))
    rows = (shift[0, :, None] + torch.arange(h))[:, :, None]
    columns = (shift[1, :, None] + torch.arange(w))[:, None, :]
    return padded[torch.arange(b)[:, None, None], rows, columns].unsqueeze(1)  # (b, 1, h, w)


def _uniform(*shape: int) -> Tensor:
    return 2 * torch.rand(shape) - 1
