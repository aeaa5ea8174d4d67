"""PyHealth 1.1.6's variational autoencoder, trained as its example trains it.

Source: `pyhealth.models.VAE`, and the example `chextXray_image_generation_VAE.py` beside it: Adam
at 1e-3, batches of 256, 128 latents, binary cross-entropy summed over pixels plus the divergence,
images drawn from a standard normal.

It knows no classes, so each class has a model of its own and an equal part of the time. What was
mended: the decoder is given latents with the two axes that its transposed convolutions need (the
example gives it a flat vector, and stops); one channel instead of three equal ones, at 64 px, which
the model offers; and the package runs beside newer pandas and urllib3 than it asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pyhealth.models import VAE
from torch import Tensor, nn

from benchmarks.peers.contestant import (
    Contestant,
    ContestImages,
    Labels,
    Pixels,
    Stopwatch,
    compete,
    shuffled,
    to_pixels,
)

BATCH_SIZE = 256
HIDDEN = 128
LEARNING_RATE = 1e-3


def new_vae(size: int) -> VAE:
    """Build the example's model for one-channel images of this side; no part of it needs data."""
    return VAE(
        dataset=None,
        feature_keys=["image"],
        label_key="image",
        mode="regression",
        input_channel=1,
        input_size=size,
        hidden_dim=HIDDEN,
    )


def vae_loss(vae: VAE, images: Tensor) -> Tensor:
    """Ask the model for its own loss of images (b, 1, h, w) in [0, 1]."""
    loss: Tensor = vae(image=list(images))["loss"]
    return loss


class PyHealthVAE(Contestant):
    """One model for each class."""

    name = "pyhealth_vae"
    samplers = ("prior",)
    continues = True

    def __init__(self, images: ContestImages, seed: int, device: torch.device) -> None:
        super().__init__(images, seed, device)
        classes = range(images.num_classes)
        pixels = images.tensor(device, low=0)
        self.pixels = [pixels[images.labels == label] for label in classes]
        self.models = [new_vae(images.size).to(device) for _ in classes]
        self.optimisers = [torch.optim.Adam(m.parameters(), LEARNING_RATE) for m in self.models]
        rng = np.random.default_rng(seed)
        self.batches = [shuffled(len(each), BATCH_SIZE, rng) for each in self.pixels]
        self.spent = [0.0 for _ in classes]

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The models of all classes."""
        return self.models

    def train(self, stopwatch: Stopwatch, until: float) -> None:
        """Give each update to the class that has had the least time."""
        while (began := stopwatch.seconds) < until:
            label = int(np.argmin(self.spent))
            self.update(label)
            self.spent[label] += stopwatch.seconds - began

    def update(self, label: int) -> None:
        """Take one step with the model of a class."""
        images = self.pixels[label][next(self.batches[label])]
        model = self.models[label].train()
        optimiser = self.optimisers[label]
        optimiser.zero_grad()
        vae_loss(model, images).backward()
        optimiser.step()
        self.images_seen += len(images)

    @torch.no_grad()
    def sample(self, labels: Labels, sampler: str) -> Pixels:  # noqa: ARG002 - it has one
        """Decode latents from a standard normal."""
        pixels = np.empty((len(labels), self.images.size, self.images.size), np.uint8)
        for label, model in enumerate(self.models):
            places = labels == label
            latents = torch.randn(int(places.sum()), HIDDEN, 1, 1, device=self.device)
            pixels[places] = to_pixels(model.eval().decoder(latents), low=0)
        return pixels


if __name__ == "__main__":
    compete(PyHealthVAE)
