"""PyHealth 1.1.6's generative adversarial network, trained as its example trains it.

Source: `pyhealth.models.GAN`, and the notebook `ChestXray-image-generation-GAN.ipynb` beside it:
AdamW at 1e-3 for the generator and 1e-4 for the discriminator, batches of 256, 256 latents, binary
cross-entropy, one step of each in turn.

It knows no classes, so each class has a model of its own and an equal part of the time. Nothing had
to be mended but the channels (one instead of three equal ones, at 64 px, which the model offers)
and the versions of pandas and urllib3. The generator has no layer that differs in evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from pyhealth.models import GAN
from torch import nn

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
HIDDEN = 256
GENERATOR_LEARNING_RATE = 1e-3
DISCRIMINATOR_LEARNING_RATE = 1e-4


class PyHealthGAN(Contestant):
    """One pair of networks for each class."""

    name = "pyhealth_gan"
    samplers = ("prior",)
    continues = True

    def __init__(self, images: ContestImages, seed: int, device: torch.device) -> None:
        super().__init__(images, seed, device)
        pixels = images.tensor(device, low=0)
        rng = np.random.default_rng(seed)
        self.pairs = [
            Pair(pixels[images.labels == label], rng) for label in range(images.num_classes)
        ]
        self.spent = [0.0 for _ in self.pairs]

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The generators of all classes."""
        return [pair.gan.generator for pair in self.pairs]

    def train(self, stopwatch: Stopwatch, until: float) -> None:
        """Give each update to the class that has had the least time."""
        while (began := stopwatch.seconds) < until:
            label = int(np.argmin(self.spent))
            self.images_seen += self.pairs[label].update()
            self.spent[label] += stopwatch.seconds - began

    @torch.no_grad()
    def sample(self, labels: Labels, sampler: str) -> Pixels:  # noqa: ARG002 - it has one
        """Draw from the generators."""
        pixels = np.empty((len(labels), self.images.size, self.images.size), np.uint8)
        for label, pair in enumerate(self.pairs):
            places = labels == label
            fakes = pair.gan.generate_fake(int(places.sum()), self.device)
            pixels[places] = to_pixels(fakes, low=0)
        return pixels


class Pair:
    """The generator and the discriminator of one class, and its images in [0, 1]."""

    def __init__(self, pixels: torch.Tensor, rng: np.random.Generator) -> None:
        self.images = pixels
        self.batches = shuffled(len(pixels), BATCH_SIZE, rng)
        self.gan = GAN(input_channel=1, input_size=pixels.shape[-1], hidden_dim=HIDDEN)
        self.gan.to(pixels.device)
        self.generator = torch.optim.AdamW(self.gan.generator.parameters(), GENERATOR_LEARNING_RATE)
        self.discriminator = torch.optim.AdamW(
            self.gan.discriminator.parameters(), DISCRIMINATOR_LEARNING_RATE
        )

    def update(self) -> int:
        """Take one step with each network, and say how many images it took."""
        reals = self.images[next(self.batches)]
        num_images = len(reals)
        ones, zeros = reals.new_ones(num_images, 1), reals.new_zeros(num_images, 1)
        loss, judge = nn.functional.binary_cross_entropy, self.gan.discriminator

        self.discriminator.zero_grad()
        fakes = self.gan.generate_fake(num_images, reals.device)
        loss_real, loss_fake = loss(judge(reals), ones), loss(judge(fakes.detach()), zeros)
        ((loss_real + loss_fake) / 2).backward()
        self.discriminator.step()

        self.generator.zero_grad()
        loss(judge(fakes), ones).backward()
        self.generator.step()
        return num_images


if __name__ == "__main__":
    compete(PyHealthGAN)
