"""A class-conditional diffusion in pixel space with diffusers.

Source: diffusers' example of unconditional training: noise prediction, 1,000 steps with betas
linear from 1e-4 to 0.02, AdamW at 1e-4 with betas 0.95 and 0.999, batches of 16, cosine schedule
after a warm-up, averaged weights. The example is made class-conditional as `UNet2DModel` offers, by
an embedding, and the network has as many parameters as our denoiser; its widths are chosen to need
few multiplications. In its favour, the schedule is fitted to the budget (the first 5 % warm up),
and bfloat16, which the example offers, is on. Images are drawn by DDIM with 50 steps and by
DPM-Solver++ (2M) with 20, both of diffusers, without guidance, which this model does not offer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DModel
from diffusers.training_utils import EMAModel
from torch import nn
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

BATCH_SIZE = 16
LEARNING_RATE = 1e-4
WARM_UP = 0.05
CHANNELS = (32, 64, 128, 192)  # 7.1 M parameters, 1.7 GMAC at 64 px
IMAGES_AT_ONCE = 50
SCHEDULERS = {
    "ddim-50": DDIMScheduler,
    "dpm++-20": DPMSolverMultistepScheduler,
}


class DiffusersDDPM(Contestant):
    """One U-Net over pixels, conditioned on the step and the class."""

    name = "diffusers_ddpm"
    samplers = tuple(SCHEDULERS)

    def __init__(self, images: ContestImages, seed: int, device: torch.device) -> None:
        super().__init__(images, seed, device)
        self.pixels = images.tensor(device, low=-1)
        self.labels = torch.from_numpy(images.labels).to(device)
        self.unet = new_unet(images.size, images.num_classes).to(device)

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The denoiser."""
        return [self.unet]

    def train(self, stopwatch: Stopwatch, until: float) -> None:
        """Predict the noise in images; end with the averaged weights."""
        noises = DDPMScheduler(num_train_timesteps=1000)
        optimiser = torch.optim.AdamW(
            self.unet.parameters(), LEARNING_RATE, betas=(0.95, 0.999), weight_decay=1e-6, eps=1e-8
        )
        average = EMAModel(
            self.unet.parameters(), decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=0.75
        )
        batches = shuffled(len(self.pixels), BATCH_SIZE, np.random.default_rng(self.seed))
        self.unet.train()
        while (seconds := stopwatch.seconds) < until:
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * _rate(seconds / until)
            places = next(batches)
            images, labels = self.pixels[places], self.labels[places]
            noise = torch.randn_like(images)
            steps = torch.randint(0, 1000, (len(images),), device=self.device)
            with self.autocast():
                noisy = noises.add_noise(images, noise, steps)
                predicted = self.unet(noisy, steps, class_labels=labels).sample
            optimiser.zero_grad()
            F.mse_loss(predicted.float(), noise).backward()
            nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
            optimiser.step()
            average.step(self.unet.parameters())
            self.images_seen += len(places)
        average.copy_to(self.unet.parameters())

    def autocast(self) -> torch.autocast:
        """Compute in half precision."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    @torch.no_grad()
    def sample(self, labels: Labels, sampler: str) -> Pixels:
        """Denoise by diffusers' schedulers."""
        self.unet.eval()
        parts = [
            to_pixels(denoise(self.unet, part, sampler, self.device), low=-1)
            for part in in_parts(labels, IMAGES_AT_ONCE)
        ]
        return np.concatenate(parts)


def new_unet(size: int, num_classes: int) -> UNet2DModel:
    """Build the denoiser: a block at each of four levels, attention at the coarsest."""
    return UNet2DModel(
        sample_size=size,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"),
        num_class_embeds=num_classes,
    )


@torch.no_grad()
def denoise(
    unet: UNet2DModel,
    labels: Labels,
    sampler: str,
    device: torch.device,
    dtype: torch.dtype = torch.bfloat16,
    *,
    no_class: int | None = None,
    guidance: float = 1.3,
) -> torch.Tensor:
    """Draw images (b, 1, size, size) in [-1, 1] by a scheduler of diffusers, NAME-STEPS.

    Args:
        unet: The denoiser.
        labels: (b,).
        sampler: One of `SCHEDULERS`.
        device: Where the denoiser is.
        dtype: It computes in this.
        no_class: The label that stands for none; if given, the classes are guided.
        guidance: How far, as in `benchmarks.sampling`; 1 is not at all.
    """
    scheduler = SCHEDULERS[sampler](num_train_timesteps=1000)
    scheduler.set_timesteps(int(sampler.rpartition("-")[2]))
    size = unet.config.sample_size
    x = torch.randn(len(labels), 1, size, size, device=device)
    classes = torch.from_numpy(labels).to(device)
    guided = no_class is not None
    if guided:
        classes = torch.cat([classes, torch.full_like(classes, no_class)])
    for t in scheduler.timesteps:
        with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
            noise = unet(torch.cat([x, x]) if guided else x, t, class_labels=classes).sample
        if guided:
            conditional, unconditional = noise.chunk(2)
            noise = unconditional + guidance * (conditional - unconditional)
        x = scheduler.step(noise.float(), t, x).prev_sample
    return x.clamp(-1, 1)


def _rate(fraction: float) -> float:
    """Warm up, then follow half a cosine to 0, as part of the peak."""
    if fraction < WARM_UP:
        return fraction / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (fraction - WARM_UP) / (1 - WARM_UP)))


if __name__ == "__main__":
    compete(DiffusersDDPM)
