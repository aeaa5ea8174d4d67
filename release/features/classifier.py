"""A small classifier of real images: fidelity is measured on its features, labels by its answers.

Its file holds the weights as safetensors, with a description in JSON in the header.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from release.data import Pixels

NAME = "image-classifier"
RECIPE = 2  # raise it when anything in the architecture or its training changes what is learned
_DESCRIPTION = "synthcxr"  # the key of our JSON in the header
WIDTHS = (32, 64, 128)
IMAGES_AT_ONCE, LARGE_AT_ONCE = 256, 32  # up to 256 px, and above
LARGEST_HALVED = 256  # pixels on a side


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


class Stem(nn.Conv2d):
    """The first convolution: it halves the side, and quarters that of images above 256 px.

    So a large image takes no longer than one of 256 px, and all of its pixels are still seen.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels, 5, padding=2, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Read images (b, 1, h, w)."""
        stride = 4 if images.shape[-1] > LARGEST_HALVED else 2
        return F.conv2d(images, self.weight, stride=stride, padding=2)


class ImageClassifier(nn.Module):
    """A ResNet whose last layer reads the pooled maps of every stage.

    So the penultimate layer has texture (early stages) as well as shape (late ones), and KID on
    it sees blur and noise that the classes alone would let a network forget.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            Stem(WIDTHS[0]),
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
    at_once = LARGE_AT_ONCE if pixels.shape[-1] > LARGEST_HALVED else IMAGES_AT_ONCE
    for batch in torch.split(torch.from_numpy(pixels), at_once):
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


def digest(classifier: ImageClassifier) -> str:
    """Name a classifier by its recipe and weights, SHA-256 in hexadecimal."""
    hashed = hashlib.sha256(json.dumps(_description(classifier), sort_keys=True).encode())
    for name, weights in sorted(classifier.state_dict().items()):
        hashed.update(f"{name} {weights.dtype} {tuple(weights.shape)}\n".encode())
        hashed.update(weights.contiguous().numpy().tobytes())
    return hashed.hexdigest()


def save_classifier(path: Path, classifier: ImageClassifier) -> None:
    """Write the weights as safetensors, with a description in JSON in their header.

    Weights are derived from the images, so the file is as private as they are.
    """
    weights = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
    save_file(weights, path, {_DESCRIPTION: json.dumps(_description(classifier))})


def load_classifier(path: Path) -> ImageClassifier:
    """Read what `save_classifier` wrote; no code of the file is run.

    Raises:
        ValueError: The file is no classifier of this recipe.
    """
    try:
        with safe_open(path, "pt") as opened:
            described = json.loads((opened.metadata() or {}).get(_DESCRIPTION, "{}"))
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise ValueError(f"{path.name} is no safetensors file: {error}") from error
    if (described.get("name"), described.get("recipe")) != (NAME, RECIPE):
        raise ValueError(f"{path.name} holds no {NAME} of recipe {RECIPE}: train it again.")
    classifier = ImageClassifier(int(described["num_classes"]))
    classifier = classifier.to(memory_format=torch.channels_last)
    classifier.load_state_dict(weights)
    return classifier.eval()


def _description(classifier: ImageClassifier) -> dict[str, str | int]:
    return {"name": NAME, "recipe": RECIPE, "num_classes": classifier.head.out_features}
