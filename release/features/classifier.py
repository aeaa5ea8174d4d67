"""A small classifier of real images: its features measure fidelity, its answers the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from release.labelled_images import Pixels

WIDTHS = (32, 64, 128)
IMAGES_AT_ONCE = 256


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut; halves the side where `stride` is 2."""

    def __init__(self, num_inputs: int, num_outputs: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(num_inputs, num_outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(num_outputs),
            nn.ReLU(),
            nn.Conv2d(num_outputs, num_outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(num_outputs),
        )
        self.shortcut = nn.Conv2d(num_inputs, num_outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Transform feature maps, (b, c, h, w)."""
        out: Tensor = F.relu(self.main(x) + self.shortcut(x))
        return out


class ImageClassifier(nn.Module):
    """A ResNet whose last layer reads the pooled maps of every stage.

    So the penultimate layer tells texture (early stages) as well as shape (late ones), and KID on
    it sees blur and noise that the classes alone would let a network forget.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, WIDTHS[0], 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(),
        )
        widths = (WIDTHS[0], *WIDTHS)
        self.stages = nn.ModuleList(
            ResidualBlock(before, after, 1 if stage == 0 else 2)
            for stage, (before, after) in enumerate(zip(widths, WIDTHS, strict=False))
        )
        self.head = nn.Linear(sum(WIDTHS), num_classes)
        # the features' mean and deviation over the training images, every class weighing the same
        self.center = nn.Buffer(torch.zeros(sum(WIDTHS)))
        self.scale = nn.Buffer(torch.ones(sum(WIDTHS)))

    def pooled(self, images: Tensor) -> Tensor:
        """Read the penultimate layer, (b, d), from images in [-1, 1]."""
        x = self.stem(images)
        means = []
        for stage in self.stages:
            x = stage(x)
            means.append(x.mean((2, 3)))
        return torch.cat(means, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Score the classes, (b, num_classes)."""
        scores: Tensor = self.head(self.pooled(images))
        return scores


@dataclass(frozen=True)
class Reading:
    """What the classifier makes of images.

    Attributes:
        features: (n, d): the penultimate layer, each feature with mean 0 and deviation 1 over the
            training images, every class weighing the same.
        chances: (n, num_classes), how likely it holds each class to be; each row adds up to 1.
        predictions: (n,), the class with the highest score.
    """

    features: NDArray[np.float64]
    chances: NDArray[np.float64]
    predictions: NDArray[np.int64]


@torch.inference_mode()
def read(classifier: ImageClassifier, pixels: Pixels) -> Reading:
    """Read images (n, size, size) with a trained classifier."""
    features, scores = [], []
    for batch in torch.split(torch.from_numpy(pixels), IMAGES_AT_ONCE):
        pooled = classifier.pooled(as_images(batch))
        features.append((pooled - classifier.center) / classifier.scale)
        scores.append(classifier.head(pooled).double())
    every = torch.cat(scores)
    return Reading(
        features=torch.cat(features).double().numpy(),
        chances=every.softmax(1).numpy(),
        predictions=every.argmax(1).numpy(),
    )


def as_images(pixels: Tensor) -> Tensor:
    """Scale stored pixels, (b, h, w), to [-1, 1], (b, 1, h, w)."""
    images = pixels.unsqueeze(1).float() * (2 / 255) - 1
    laid_out: Tensor = images.contiguous(memory_format=torch.channels_last)
    return laid_out
