"""The textbook's latent diffusion on top of PyHealth's autoencoder.

PyHealth 1.1.6 ships no diffusion model, so this is written from the description that is usual for
one: the latents of `pyhealth.models.VAE` (128 numbers, as they come, not scaled), a small U-Net
that predicts the noise under mean squared error, 1,000 steps with betas linear from 1e-4 to 0.02,
Adam at 1e-3, batches of 256, and ancestral sampling through all the steps.

Reference: Ho et al. 2020, algorithms 1 and 2 (arXiv:2006.11239).

In its favour: the denoiser is conditioned on the class by an embedding added to that of the step,
so that one model learns from all images; the autoencoder has half of the budget and the denoiser
the other half. The 128 latents have no places, so the U-Net sees them as 8 channels of 4x4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers.contestant import (
    Contestant,
    ContestImages,
    Labels,
    Pixels,
    Stopwatch,
    compete,
    in_parts,
    shuffled,
    to_pixels,
)
from benchmarks.peers.pyhealth_vae import HIDDEN, new_vae, vae_loss

AUTOENCODER_SHARE = 0.5
NUM_STEPS = 1000
BATCH_SIZE = 256
LEARNING_RATE = 1e-3
SHAPE = (8, 4, 4)


class BookLDM(Contestant):
    """PyHealth's autoencoder, then a denoiser of its latents."""

    name = "book_ldm"
    samplers = ("ddpm-1000",)

    def __init__(self, images: ContestImages, seed: int, device: torch.device) -> None:
        super().__init__(images, seed, device)
        self.pixels = images.tensor(device, low=0)
        self.labels = torch.from_numpy(images.labels).to(device)
        self.vae = new_vae(images.size).to(device)
        self.denoiser = SmallUNet(images.num_classes).to(device)
        self.betas = torch.linspace(1e-4, 0.02, NUM_STEPS, device=device)
        self.alphas_bar = torch.cumprod(1 - self.betas, 0)

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The autoencoder and the denoiser."""
        return [self.vae, self.denoiser]

    def train(self, stopwatch: Stopwatch, until: float) -> None:
        """Train one after the other."""
        batches = shuffled(len(self.pixels), BATCH_SIZE, np.random.default_rng(self.seed))
        optimiser = torch.optim.Adam(self.vae.parameters(), LEARNING_RATE)
        self.vae.train()
        while stopwatch.seconds < until * AUTOENCODER_SHARE:
            batch = next(batches)
            _step(optimiser, vae_loss(self.vae, self.pixels[batch]))
            self.images_seen += len(batch)

        self.vae.eval()
        mean, std = self.encode()
        optimiser = torch.optim.Adam(self.denoiser.parameters(), LEARNING_RATE)
        while stopwatch.seconds < until:
            batch = next(batches)
            x = mean[batch] + std[batch] * torch.randn_like(std[batch])
            _step(optimiser, self.noise_loss(x, self.labels[batch]))
            self.images_seen += len(batch)

    @torch.no_grad()
    def encode(self) -> tuple[Tensor, Tensor]:
        """Encode every image once: mean and deviation of its latents, (n, 128) each."""
        parts = [self.vae.encoder(part) for part in self.pixels.split(BATCH_SIZE)]
        means, deviations = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(deviations)

    def noise_loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """Predict the noise in latents (b, 128) at steps drawn alike."""
        t = torch.randint(0, NUM_STEPS, (len(x),), device=self.device)
        noise = torch.randn_like(x)
        kept = self.alphas_bar[t, None]
        noisy = kept.sqrt() * x + (1 - kept).sqrt() * noise
        return F.mse_loss(self.denoiser(noisy, t, labels), noise)

    @torch.no_grad()
    def sample(self, labels: Labels, sampler: str) -> Pixels:  # noqa: ARG002 - it has one
        """Walk all the steps back, and decode."""
        parts = []
        for part in in_parts(labels, BATCH_SIZE):
            x = torch.randn(len(part), HIDDEN, device=self.device)
            classes = torch.from_numpy(part).to(self.device)
            for t in reversed(range(NUM_STEPS)):
                beta, kept = self.betas[t], self.alphas_bar[t]
                steps = torch.full((len(part),), t, device=self.device)
                noise = self.denoiser(x, steps, classes)
                x = (x - beta / (1 - kept).sqrt() * noise) / (1 - beta).sqrt()
                if t > 0:
                    x = x + beta.sqrt() * torch.randn_like(x)
            parts.append(to_pixels(self.vae.decoder(x[..., None, None]), low=0))
        return np.concatenate(parts)


class SmallUNet(nn.Module):
    """Two levels, 64 and 128 channels, a residual block each on the way down and up."""

    def __init__(self, num_classes: int, channels: int = 64) -> None:
        super().__init__()
        self.channels = channels
        wide = 2 * channels
        self.embed_class = nn.Embedding(num_classes, channels)
        self.embed = nn.Sequential(nn.Linear(channels, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.stem = nn.Conv2d(SHAPE[0], channels, 3, padding=1)
        self.down = Block(channels, channels, wide)
        self.narrow = nn.Conv2d(channels, wide, 3, stride=2, padding=1)
        self.middle = Block(wide, wide, wide)
        self.widen = nn.ConvTranspose2d(wide, channels, 4, stride=2, padding=1)
        self.up = Block(wide, channels, wide)
        self.out = nn.Conv2d(channels, SHAPE[0], 3, padding=1)

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """Predict the noise, (b, 128), in latents of that shape at steps (b,)."""
        rates = torch.arange(self.channels // 2, device=x.device) / (self.channels // 2)
        angles = t[:, None] * torch.exp(-math.log(10_000) * rates)
        step = torch.cat([angles.sin(), angles.cos()], 1)
        condition = self.embed(step + self.embed_class(labels))
        h = self.down(self.stem(x.view(-1, *SHAPE)), condition)
        deep = self.middle(self.narrow(h), condition)
        h = self.up(torch.cat([h, self.widen(deep)], 1), condition)
        predicted: Tensor = self.out(h)
        return predicted.flatten(1)


class Block(nn.Module):
    """Two convolutions and a shortcut, shifted by the condition in between."""

    def __init__(self, num_inputs: int, num_outputs: int, num_conditions: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(8, num_inputs), nn.SiLU(), nn.Conv2d(num_inputs, num_outputs, 3, padding=1)
        )
        self.shift = nn.Linear(num_conditions, num_outputs)
        self.second = nn.Sequential(
            nn.GroupNorm(8, num_outputs),
            nn.SiLU(),
            nn.Conv2d(num_outputs, num_outputs, 3, padding=1),
        )
        self.shortcut = nn.Conv2d(num_inputs, num_outputs, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Transform feature maps, (b, c, h, w)."""
        h = self.first(x) + self.shift(condition)[..., None, None]
        out: Tensor = self.second(h) + self.shortcut(x)
        return out


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


if __name__ == "__main__":
    compete(BookLDM)
