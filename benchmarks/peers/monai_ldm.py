"""MONAI 1.6's latent diffusion with the settings of its 2D tutorial.

Source: `2d_ldm_tutorial.ipynb` of the MONAI tutorials, which draws 64 px radiographs of hands:
`AutoencoderKL` (128, 128, 256 channels, 3 latents of 16x16) under L1, a divergence of weight 1e-6
and, after the first tenth, a patch adversary of weight 0.01; then `DiffusionModelUNet` (128, 256,
512 channels, attention at the two coarser levels, 64 M parameters), noise prediction, betas linear
from 0.0015 to 0.0195 over 1,000 steps; Adam at 1e-4 (adversary 5e-4), batches of 64, small random
affine maps of half of the images, mixed precision. The budget is split as the tutorial's minutes
are, 55 to 80.

In its favour: the denoiser is conditioned on the class, which the network offers and the tutorial
does not use, so that one model learns from all images. Its own 1,000 steps of ancestral sampling
take hours on a processor, so MONAI's DDIM scheduler with 50 steps draws the images, without the
clipping to [-1, 1] that is its default and that latents do not fit; `--samplers ddpm-1000` draws as
the tutorial does. What is missing: the perceptual loss of weight 0.001, whose pretrained network
would have to be downloaded; leaving it out makes updates cheaper.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from monai.losses.adversarial_loss import PatchAdversarialLoss
from monai.networks.nets import AutoencoderKL, DiffusionModelUNet, PatchDiscriminator
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler
from monai.transforms import RandAffine
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

AUTOENCODER_SHARE = 55 / (55 + 80)
WARM_UP = 0.11  # part of the autoencoder's training before its adversary joins: 11 epochs of 100
BATCH_SIZE = 64
ADVERSARY_WEIGHT = 0.01
KL_WEIGHT = 1e-6
IMAGES_AT_ONCE = 50
NOISE = {"schedule": "linear_beta", "beta_start": 0.0015, "beta_end": 0.0195}


class MonaiLDM(Contestant):
    """The tutorial's two networks, one trained after the other."""

    name = "monai_ldm"
    samplers = ("ddim-50",)
    on_request = ("ddpm-1000",)

    def __init__(self, images: ContestImages, seed: int, device: torch.device) -> None:
        super().__init__(images, seed, device)
        self.pixels = images.tensor(device, low=0)
        self.labels = torch.from_numpy(images.labels).to(device)
        self.autoencoder = new_autoencoder().to(device)
        self.unet = new_unet(images.num_classes).to(device)
        self.scheduler = DDPMScheduler(num_train_timesteps=1000, **NOISE)
        self.batches = shuffled(len(self.pixels), BATCH_SIZE, np.random.default_rng(seed))
        self.moved = RandAffine(
            prob=0.5,
            rotate_range=[(-np.pi / 36, np.pi / 36)],
            translate_range=[(-1, 1), (-1, 1)],
            scale_range=[(-0.05, 0.05), (-0.05, 0.05)],
            spatial_size=[images.size, images.size],
            padding_mode="zeros",
        ).set_random_state(seed)
        self.scale = torch.ones((), device=device)

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The autoencoder and the denoiser."""
        return [self.autoencoder, self.unet]

    def train(self, stopwatch: Stopwatch, until: float) -> None:
        """Train the autoencoder, measure its latents' scale on a batch, train the denoiser."""
        self.train_autoencoder(stopwatch, until * AUTOENCODER_SHARE)
        images, _ = self.batch()
        with torch.no_grad(), self.autocast():
            self.scale = 1 / self.autoencoder.encode_stage_2_inputs(images).float().std()
        self.train_unet(stopwatch, until)

    def train_autoencoder(self, stopwatch: Stopwatch, until: float) -> None:
        """Reconstruct images, against a patch adversary once warmed up."""
        adversary = PatchDiscriminator(
            spatial_dims=2, num_layers_d=3, channels=64, in_channels=1, out_channels=1
        ).to(self.device)
        fooled = PatchAdversarialLoss(criterion="least_squares")
        optimiser = torch.optim.Adam(self.autoencoder.parameters(), 1e-4)
        adversary_optimiser = torch.optim.Adam(adversary.parameters(), 5e-4)
        self.autoencoder.train()
        while stopwatch.seconds < until:
            images, _ = self.batch()
            warm = stopwatch.seconds > until * WARM_UP
            with self.autocast():
                drawn, mean, std = self.autoencoder(images)
                variance = std.float().square()
                kl = 0.5 * (mean.float().square() + variance - variance.log() - 1).sum((1, 2, 3))
                loss = F.l1_loss(drawn.float(), images) + KL_WEIGHT * kl.mean()
                if warm:
                    logits = adversary(drawn.contiguous().float())[-1]
                    loss += ADVERSARY_WEIGHT * fooled(
                        logits, target_is_real=True, for_discriminator=False
                    )
            _step(optimiser, loss)
            if warm:
                with self.autocast():
                    fake = adversary(drawn.contiguous().detach())[-1]
                    real = adversary(images)[-1]
                    loss_fake = fooled(fake, target_is_real=False, for_discriminator=True)
                    loss_real = fooled(real, target_is_real=True, for_discriminator=True)
                _step(adversary_optimiser, ADVERSARY_WEIGHT * (loss_fake + loss_real) * 0.5)

    def train_unet(self, stopwatch: Stopwatch, until: float) -> None:
        """Predict the noise in latents."""
        optimiser = torch.optim.Adam(self.unet.parameters(), 1e-4)
        self.autoencoder.eval()
        self.unet.train()
        while stopwatch.seconds < until:
            images, labels = self.batch()
            with self.autocast():
                with torch.no_grad():
                    latents = self.autoencoder.encode_stage_2_inputs(images) * self.scale
                noise = torch.randn_like(latents)
                steps = torch.randint(0, 1000, (len(latents),), device=self.device)
                noisy = self.scheduler.add_noise(latents, noise, steps)
                predicted = self.unet(noisy, steps, class_labels=labels)
                loss = F.mse_loss(predicted.float(), noise.float())
            _step(optimiser, loss)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Draw images in [0, 1], (b, 1, h, w), some moved a little, and their labels."""
        places = next(self.batches)
        moved = [torch.as_tensor(self.moved(image)) for image in self.pixels[places]]
        self.images_seen += len(places)
        return torch.stack(moved).to(self.device), self.labels[places]

    def autocast(self) -> torch.autocast:
        """Compute in half precision where the tutorial does."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    @torch.no_grad()
    def sample(self, labels: Labels, sampler: str) -> Pixels:
        """Denoise latents by MONAI's schedulers, and decode."""
        self.autoencoder.eval()
        self.unet.eval()
        kind, _, num_steps = sampler.partition("-")
        scheduler = self.scheduler if kind == "ddpm" else new_ddim()
        scheduler.set_timesteps(num_inference_steps=int(num_steps))
        side = self.images.size // 4
        parts = []
        for part in in_parts(labels, IMAGES_AT_ONCE):
            x = torch.randn(len(part), 3, side, side, device=self.device)
            classes = torch.from_numpy(part).to(self.device)
            for t in scheduler.timesteps:
                steps = t.expand(len(part)).to(self.device)
                with self.autocast():
                    noise = self.unet(x, steps, class_labels=classes)
                x, _ = scheduler.step(noise.float(), t, x)
            with self.autocast():
                images = self.autoencoder.decode_stage_2_outputs(x / self.scale)
            parts.append(to_pixels(images, low=0))
        return np.concatenate(parts)


def new_autoencoder() -> AutoencoderKL:
    """Build the tutorial's autoencoder."""
    return AutoencoderKL(
        spatial_dims=2,
        in_channels=1,
        out_channels=1,
        channels=(128, 128, 256),
        latent_channels=3,
        num_res_blocks=2,
        attention_levels=(False, False, False),
        with_encoder_nonlocal_attn=False,
        with_decoder_nonlocal_attn=False,
    )


def new_unet(num_classes: int) -> DiffusionModelUNet:
    """Build the tutorial's denoiser, conditioned on the class."""
    return DiffusionModelUNet(
        spatial_dims=2,
        in_channels=3,
        out_channels=3,
        num_res_blocks=2,
        channels=(128, 256, 512),
        attention_levels=(False, True, True),
        num_head_channels=(0, 256, 512),
        num_class_embeds=num_classes,
    )


def new_ddim() -> DDIMScheduler:
    """Build MONAI's DDIM for the tutorial's noise."""
    return DDIMScheduler(num_train_timesteps=1000, clip_sample=False, **NOISE)


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()


if __name__ == "__main__":
    compete(MonaiLDM)
