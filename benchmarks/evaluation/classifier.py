"""A small classifier of real films: its features measure KID, its answers measure the labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from benchmarks.evaluation.real_films import Labels, Pixels, RealFilms, Split
from models.precision import autocast, fastest_dtype

RECIPE = 2  # part of the cache's key: raise it when anything below changes what is learned
WIDTHS = (32, 64, 128)
BATCH_SIZE = 64
IMAGES_TO_SEE = 64_000  # a minute or two on two cores at 64 px
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.05
SHIFT = 3  # pixels of 64
ROTATION = 0.1  # radians
ZOOM = 0.08
CONTRAST = 0.15


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


class FilmClassifier(nn.Module):
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
        # the features' mean and deviation over the training films, every class weighing the same
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
    """What the classifier makes of films.

    Attributes:
        features: (n, d), float64: the penultimate layer, each feature with mean 0 and deviation 1
            over the training films, every class weighing the same.
        predictions: (n,), the class with the highest score.
    """

    features: NDArray[np.float64]
    predictions: Labels


@torch.inference_mode()
def read(classifier: FilmClassifier, pixels: Pixels) -> Reading:
    """Read films with a trained classifier."""
    features, predictions = [], []
    for batch in torch.split(torch.from_numpy(pixels), 256):
        pooled = classifier.pooled(_as_images(batch))
        features.append((pooled - classifier.center) / classifier.scale)
        predictions.append(classifier.head(pooled).argmax(1))
    return Reading(torch.cat(features).double().numpy(), torch.cat(predictions).numpy())


def train_classifier(
    films: Split, num_classes: int, seed: int, images_to_see: int = IMAGES_TO_SEE
) -> FilmClassifier:
    """Train on films drawn with every class equally often; the same seed learns the same weights.

    Args:
        films: The training films.
        num_classes: Number of classes.
        seed: Draws the first weights, the batches and the augmentation.
        images_to_see: Length of the training.
    """
    balance = evenly(films.labels)
    classifier = fit_classifier(films, balance, num_classes, seed, images_to_see)
    features = torch.from_numpy(read(classifier, films.pixels).features)
    center = balance @ features
    deviation = (balance @ (features - center).square()).sqrt()
    classifier.center.copy_(center)
    classifier.scale.copy_(deviation.clamp_min(1e-3))
    return classifier


def fit_classifier(
    films: Split,
    chances: Tensor,
    num_classes: int,
    seed: int,
    images_to_see: int,
    class_weights: Tensor | None = None,
) -> FilmClassifier:
    """Train, and leave the features as they are; the same seed learns the same weights.

    Args:
        films: The training films.
        chances: (n,), how likely each film is to be drawn, in proportion.
        num_classes: Number of classes.
        seed: Draws the first weights, the batches and the augmentation.
        images_to_see: Length of the training.
        class_weights: (num_classes,), what an error on each class costs, in proportion; all the
            same when None.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = FilmClassifier(num_classes).to(memory_format=torch.channels_last)
        num_updates = max(1, images_to_see // BATCH_SIZE)
        optimiser = torch.optim.AdamW(
            classifier.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, num_updates)
        precision = fastest_dtype(torch.device("cpu"))
        for images, labels in _batches(films, chances, num_updates):
            with autocast(images.device, precision):
                scores = classifier(images)
            loss = F.cross_entropy(scores.float(), labels, class_weights)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return classifier.eval()


def cached_classifier(
    films: RealFilms, seed: int, cache: Path, images_to_see: int = IMAGES_TO_SEE
) -> FilmClassifier:
    """Load the classifier of these films, or train and keep it.

    Args:
        films: The dataset; only its training films are learned from.
        seed: See `train_classifier`.
        cache: Folder for the weights; they are derived from the films, so it is private.
        images_to_see: See `train_classifier`.
    """
    dataset = f"{films.fingerprint[:16]}-{films.image_size}px"
    kept = cache / f"classifier-{RECIPE}-{dataset}-{images_to_see}-{seed}.safetensors"
    num_classes = len(films.classes)
    if kept.exists():
        classifier = FilmClassifier(num_classes).to(memory_format=torch.channels_last)
        classifier.load_state_dict(load_file(kept))
        return classifier.eval()
    classifier = train_classifier(films.training, num_classes, seed, images_to_see)
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = kept.with_suffix(f".{os.getpid()}")
    save_file({key: w.contiguous() for key, w in classifier.state_dict().items()}, written)
    written.replace(kept)
    return classifier


def evenly(labels: Labels) -> Tensor:
    """Give every class the same chance, shared evenly among its films; all add up to 1."""
    counts = torch.from_numpy(labels).bincount()
    chances: Tensor = 1 / (counts[labels] * (counts > 0).sum()).double()
    return chances


def _batches(films: Split, chances: Tensor, num_updates: int) -> Iterator[tuple[Tensor, Tensor]]:
    pixels, labels = torch.from_numpy(films.pixels), torch.from_numpy(films.labels)
    for _ in range(num_updates):
        drawn = torch.multinomial(chances, BATCH_SIZE, replacement=True)
        yield _augmented(_as_images(pixels[drawn])), labels[drawn]


def _augmented(images: Tensor) -> Tensor:
    """Turn and zoom, shift by whole pixels, and change the contrast; no flips: the heart is left.

    Half of the films are not turned, so that the texture of films as they are is learned too.
    """
    turned = torch.rand(len(images), 1, 1, 1) < 0.5
    shifted = _shifted(torch.where(turned, _turned(images), images))
    gain, offset = CONTRAST * _uniform(2, len(images), 1, 1, 1)
    augmented: Tensor = (shifted * (1 + gain) + offset).clamp(-1, 1)
    return augmented.contiguous(memory_format=torch.channels_last)


def _turned(images: Tensor) -> Tensor:
    angle, zoom = ROTATION * _uniform(len(images)), 1 + ZOOM * _uniform(len(images))
    cos, sin, zero = zoom * angle.cos(), zoom * angle.sin(), torch.zeros(len(images))
    matrix = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


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


def _as_images(pixels: Tensor) -> Tensor:
    images = pixels.unsqueeze(1).float() * (2 / 255) - 1  # (b, 1, h, w)
    laid_out: Tensor = images.contiguous(memory_format=torch.channels_last)
    return laid_out
