"""A class-conditional generative adversarial network: R3GAN, made small.

Huang et al. 2024 (arXiv:2501.05441): a relativistic pairing loss and two zero-centred gradient
penalties, which together converge without the tricks of earlier networks. The generator finishes
a draft that is known in closed form, see `models.families.gan.draft`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from models.families.gan.augmentation import augment
from models.families.gan.config import Config, Sampler
from models.families.gan.draft import Drafts
from models.families.gan.losses import relativistic_pairing, squared_gradient_norm
from models.families.gan.networks import Discriminator, Generator
from models.family import Batch, Family, ImageSpec, Losses, Phase, Stage
from models.films import Films
from models.nn.patch_whitening import PatchWhitening
from models.schedules import warmup_cosine
from models.seeding import ImageNoise

BETAS = (0.0, 0.99)


class AdversarialNetwork(Family[Config, Sampler]):
    """A generator, and a discriminator that compares its films with real ones of their class."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.drafts = Drafts(spec.size, spec.num_classes, config.num_latents)
        self.patches = PatchWhitening(config.patch_size)
        self.generator = Generator(config, spec)
        self.discriminator = Discriminator(config, spec)

    def stages(self) -> Sequence[Stage]:
        """Improve the discriminator, then the generator, on every batch."""
        discriminator = Phase(
            "discriminator",
            trained=[self.discriminator],
            loss=self.discriminator_loss,
            learning_rate=self.config.discriminator_learning_rate,
            betas=BETAS,
            schedule=warmup_cosine,
            max_gradient_norm=None,
        )
        generator = Phase(
            "generator",
            trained=[self.generator],
            loss=self.generator_loss,
            learning_rate=self.config.generator_learning_rate,
            betas=BETAS,
            schedule=warmup_cosine,
            max_gradient_norm=None,
        )
        return [
            Stage(
                "adversarial",
                share=1.0,
                batch_size=self.config.batch_size,
                phases=[discriminator, generator],
                averaged=[self.generator],
                ema_relative_std=self.config.ema_relative_std,
                prepare=self._prepare,
            )
        ]

    def discriminator_loss(self, batch: Batch) -> Losses:
        """L(D) + gamma/2 (R1 + R2); the penalties on a share of the batch."""
        with torch.no_grad():
            synthetic = augment(self._draw(batch.labels), self.config.augmentation)
            real = augment(batch.images, self.config.augmentation)
        both = torch.cat([real, synthetic]), batch.labels.repeat(2)
        real_logits, synthetic_logits = self.judge(*both).chunk(2)
        loss = relativistic_pairing(real_logits, synthetic_logits)

        m = math.ceil(self.config.penalised_share * len(real))
        labels = batch.labels[:m]
        r1 = squared_gradient_norm(lambda x: self.judge(x, labels), real[:m])
        r2 = squared_gradient_norm(lambda x: self.judge(x, labels), synthetic[:m])
        gamma = self._penalty_weight(batch.fraction)
        return {
            "loss": loss + 0.5 * gamma * (r1 + r2),
            "relativistic": loss,
            "r1": r1,
            "r2": r2,
            "preference": (real_logits > synthetic_logits).float().mean(),
        }

    def generator_loss(self, batch: Batch) -> Losses:
        """L(G): the same pairing with the roles exchanged."""
        synthetic = augment(self._draw(batch.labels), self.config.augmentation)
        real = augment(batch.images, self.config.augmentation)
        with torch.no_grad():
            real_logits = self.judge(real, batch.labels)
        synthetic_logits = self.judge(synthetic, batch.labels)
        return {"loss": relativistic_pairing(synthetic_logits, real_logits)}

    def generate(self, latents: Tensor, classes: Tensor) -> Tensor:
        """Turn latents, (b, num_latents), into films of the classes: (b, 1, h, w), about [-1, 1].

        The classes are labels (b,) or mixtures (b, num_classes).
        """
        draft: Tensor = self.drafts(latents, classes)
        correction = self.generator(latents, classes, self.patches.fold(draft))
        return draft + self.patches.unfold_difference(correction)

    def judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Score how real (b, 1, h, w) films look for their labels: logits, (b,)."""
        logits: Tensor = self.discriminator(self.patches.fold(images), labels)
        return logits

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Draw latents and turn them into films of the mixtures."""
        latents = sampler.truncation * noise.normal(self.config.num_latents)
        return self.generate(latents, mixtures).clamp(-1, 1)

    def _prepare(self, films: Films) -> Iterator[float]:
        yield from self.drafts.fit(films)
        yield from self.patches.fit(films)

    def _draw(self, labels: Tensor) -> Tensor:
        latents = torch.randn(len(labels), self.config.num_latents, device=labels.device)
        return self.generate(latents, labels)

    def _penalty_weight(self, fraction: float) -> float:
        """Gamma falls from `penalty` to `final_penalty` along a cosine."""
        remaining = 0.5 * (1 + math.cos(math.pi * fraction))
        return self.config.final_penalty + remaining * (
            self.config.penalty - self.config.final_penalty
        )
