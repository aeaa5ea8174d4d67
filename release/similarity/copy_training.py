"""Trains the copy embedding: two views of one image lie near each other, all others far away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.optimiser import EagerAdamW
from models.precision import autocast, fastest_dtype
from release.cancellation import check_cancelled
from release.data import Pixels
from release.similarity.copy_augmentation import view
from release.similarity.copy_network import SIDE, CopyNetwork
from release.similarity.preprocessing import area_means, standardised

CPU = torch.device("cpu")
NUM_LOOKALIKES = 16
_QUERIES_AT_ONCE = 512
_COARSE_SIDE = 16  # at which images are compared to find those that look alike


@dataclass(frozen=True)
class Recipe:
    """How the network is trained.

    Attributes:
        widths: Channels of each stage.
        num_features: Dimensions of the embedding.
        num_views: Length of the training, in views; a minute on one core with the defaults.
        batch_size: Images in a batch; each is shown in two views.
        learning_rate: The highest, of a single cycle.
        weight_decay: Of AdamW.
        temperature: Of the softmax over similarities.
        share_at_random: Of the training, at its start, with images drawn at random; then each batch
            is made of images that look alike.
        num_alike: Images in such a family.
    """

    widths: tuple[int, ...] = (24, 48, 96, 192)
    num_features: int = 128
    num_views: int = 52_000
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    temperature: float = 0.1
    share_at_random: float = 0.5
    num_alike: int = 4


def train(
    pixels: Pixels,
    patients: NDArray[np.int64],
    seed: int,
    recipe: Recipe,
    on_progress: Callable[[float], None],
) -> CopyNetwork:
    """Train a network; the same images in the same order and the same seed learn the same weights.

    Args:
        pixels: (n, size, size), of at least two patients.
        patients: (n,): images of one patient are neither pulled together nor pushed apart.
        seed: Draws the first weights, the batches and the views.
        recipe: The settings.
        on_progress: Called with the share done, in [0, 1], after each update.

    References: Chen et al. 2020, equation 1 (arXiv:2002.05709), for the loss; Pizzi et al. 2022
    (arXiv:2202.10261) for its use to detect copies.
    """
    rng = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = CopyNetwork(recipe.widths, recipe.num_features)
    network = network.to(memory_format=torch.channels_last)
    num_updates = max(1, recipe.num_views // (2 * recipe.batch_size))
    optimiser = EagerAdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, num_updates)
    images, patient = as_images(pixels), torch.from_numpy(patients)
    for update, chosen in enumerate(_batches(images, patients, num_updates, recipe, rng)):
        check_cancelled()
        views = torch.cat([view(images[chosen], rng), view(images[chosen], rng)])
        with autocast(CPU, fastest_dtype(CPU)):
            embedded = network(views.contiguous(memory_format=torch.channels_last))
        loss = contrastive_loss(embedded, patient[chosen].repeat(2), recipe.temperature)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        on_progress((update + 1) / num_updates)
    return network.eval()


def contrastive_loss(embedded: Tensor, patients: Tensor, temperature: float) -> Tensor:
    """Take the mean cross-entropy of finding each view's other view among those of other patients.

    Args:
        embedded: (2 b, d), unit vectors; row i and row i + b are views of one image.
        patients: (2 b,).
        temperature: What similarities are divided by.

    Reference: NT-Xent, Chen et al. 2020, equation 1 (arXiv:2002.05709).
    """
    similar = embedded @ embedded.T / temperature
    other_view = (embedded * embedded.roll(len(embedded) // 2, 0)).sum(1) / temperature
    others = similar.masked_fill(patients[:, None] == patients, -torch.inf)
    against = torch.cat([others, other_view[:, None]], 1)
    return (against.logsumexp(1) - other_view).mean()


def as_images(pixels: Pixels) -> Tensor:
    """Bring images to the network's size: (n, 1, 64, 64) in [-1, 1]."""
    return area_means(pixels, SIDE).unsqueeze(1) * (2 / 255) - 1


def _batches(
    images: Tensor,
    patients: NDArray[np.int64],
    num_updates: int,
    recipe: Recipe,
    rng: torch.Generator,
) -> Iterator[Tensor]:
    """Choose the images of each batch: at random, and later families of images that look alike."""
    alike = _lookalikes(images, patients)
    num_families = max(1, recipe.batch_size // recipe.num_alike)
    for update in range(num_updates):
        drawn = torch.randperm(len(images), generator=rng)[: recipe.batch_size]
        if update >= recipe.share_at_random * num_updates:
            heads = drawn[:num_families]
            which = torch.randperm(alike.shape[1], generator=rng)[: recipe.num_alike - 1]
            drawn = torch.cat([heads[:, None], alike[heads][:, which]], 1).flatten()
        yield drawn


def _lookalikes(images: Tensor, patients: NDArray[np.int64]) -> Tensor:
    """Find the images most like each one at 16 x 16, of other patients: (n, up to 16)."""
    small = torch.nn.functional.adaptive_avg_pool2d(images, _COARSE_SIDE).flatten(1)
    vectors, patient = standardised(small * 127.5), torch.from_numpy(patients)
    _, counts = np.unique(patients, return_counts=True)
    most = min(NUM_LOOKALIKES, len(images) - int(counts.max()))
    found = []
    for start in range(0, len(images), _QUERIES_AT_ONCE):
        some = slice(start, start + _QUERIES_AT_ONCE)
        similarity = vectors[some] @ vectors.T
        similarity.masked_fill_(patient[some, None] == patient, -torch.inf)
        found.append(similarity.topk(most).indices)
    return torch.cat(found)
