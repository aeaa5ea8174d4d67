"""A class-conditional generative adversarial network: R3GAN, made small.

Huang et al. 2024 (arXiv:2501.05441): a relativistic pairing loss and two zero-centred gradient
penalties, which together converge without the tricks of earlier networks; earlier objectives can be
chosen instead, see `models.families.gan.objectives`. The generator finishes a draft of a few
principal components, see `models.families.gan.class_prior`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from models.diagnosis import TrainingFault, discriminator_winning
from models.families.gan.augmentation import AdaptiveStrength, augment
from models.families.gan.class_prior import ClassPrior
from models.families.gan.config import Config, Sampler
from models.families.gan.networks import Discriminator, DiscriminatorOutput, Generator
from models.families.gan.objectives import (
    OBJECTIVES,
    clip_weights,
    squared_gradient_norm,
    unit_gradient_deviation,
)
from models.families.gan.patch_whitening import PatchWhitening
from models.family import (
    Batch,
    Family,
    FittedPart,
    ImageSpec,
    Losses,
    Phase,
    Stage,
    TrainingOutcome,
)
from models.seeding import ImageNoise
from models.training_images import TrainingImages

BETAS = (0.0, 0.99)


class AdversarialNetwork(Family[Config, Sampler]):
    """A generator, and a discriminator that compares its images with real ones of their class."""

    # what is fitted to classes; the components stay, since the generator knows its latents by them
    refitted: ClassVar = (
        *("prior.gaussians", "prior.flow", "prior.fitted"),
        *("adaptive", "discriminator.head.classifier"),
    )

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.objective = OBJECTIVES[config.objective]
        self.prior = ClassPrior(
            spec.size,
            spec.num_classes,
            config.num_latents,
            config.prior_width,
            config.prior_updates,
            config.prior_guidance,
            config.prior_seconds,
        )
        self.patches = PatchWhitening(config.patch_size)
        self.generator = Generator(config, spec)
        self.discriminator = Discriminator(config, spec)
        self.adaptive = AdaptiveStrength(config.augmentation_target, config.augmentation_images)

    def stages(self) -> Sequence[Stage]:
        """Improve the discriminator on every batch, then the generator, maybe more rarely."""
        discriminator = Phase(
            "discriminator",
            trained=[self.discriminator],
            loss=self.discriminator_loss,
            learning_rate=self.config.discriminator_learning_rate,
            betas=BETAS,
            max_gradient_norm=None,
        )
        generator = Phase(
            "generator",
            trained=[self.generator],
            loss=self.generator_loss,
            learning_rate=self.config.generator_learning_rate,
            betas=BETAS,
            max_gradient_norm=None,
            every=self.config.discriminator_updates,
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
        """L(D), the loss of the classes if it names them, and what keeps it smooth.

        Beside the loss it reports `preference`, the share of pairs in which the real image looks
        more real (1/2: it guesses; near 1 for long: it wins), and `variety`, how much synthetic
        images differ among themselves relative to real ones (towards 0: collapse).
        """
        self._bound_weights()
        with torch.no_grad():
            synthetic = self._finish(batch)
            variety = synthetic.std(0).mean() / batch.images.std(0).mean()
            real, synthetic = self._shown(batch.images, synthetic)
        output = self._discriminated(torch.cat([real, synthetic]), batch.labels.repeat(2))
        real_logits, synthetic_logits = output.logits.chunk(2)
        adversarial = self.objective.discriminator(real_logits, synthetic_logits)
        class_loss = 2 * output.class_loss.mean()
        penalties, charge = self._penalties(batch, real, synthetic)
        if self.config.augmentation == "adaptive":
            boundary = self.objective.boundary
            undecided = synthetic_logits if boundary is None else boundary
            self.adaptive.observe(real_logits.detach() - undecided)
        return {
            "loss": adversarial + class_loss + charge,
            "adversarial": adversarial,
            **({"class_loss": class_loss} if self.config.conditioning != "projection" else {}),
            **penalties,
            "preference": (real_logits > synthetic_logits).float().mean(),
            "variety": variety,
            "augmentation": torch.as_tensor(self._strength).clone(),
        }

    def generator_loss(self, batch: Batch) -> Losses:
        """L(G), and the loss of the classes if the discriminator names them."""
        self._bound_weights()
        real, synthetic = self._shown(batch.images, self._finish(batch))
        with torch.no_grad():
            real_logits = self.discriminate(real, batch.labels)
        output = self._discriminated(synthetic, batch.labels)
        adversarial = self.objective.generator(real_logits, output.logits)
        return {"loss": adversarial + output.class_loss.mean(), "adversarial": adversarial}

    def generate(self, latents: Tensor, classes: Tensor, noise: Tensor) -> Tensor:
        """Finish the drafts at latents: images, (b, 1, h, w), about in [-1, 1].

        Args:
            latents: Of the drafts, (b, num_latents).
            classes: Labels, (b,), or mixtures, (b, num_classes).
            noise: Standard normal, `noise_shape` for each image.
        """
        draft = self.prior.decode(latents)
        correction: Tensor = self.generator(latents, classes, self.patches.fold(draft), noise)
        return draft + correction

    @property
    def noise_shape(self) -> tuple[int, int, int]:
        """What an image needs beside its latents: maps of noise for its texture."""
        side = self.spec.size // self.config.patch_size
        return self.config.num_noise_maps, side, side

    def discriminate(self, images: Tensor, labels: Tensor) -> Tensor:
        """Score how real (b, 1, h, w) images look for their labels: logits, (b,)."""
        return self._discriminated(images, labels).logits

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Draw drafts of the mixtures and finish them."""
        start = sampler.truncation * noise.normal(self.prior.noise_size)
        latents = self.prior.draw(mixtures, start)
        texture = sampler.truncation * noise.normal(*self.noise_shape)
        return self.generate(latents, mixtures, texture).clamp(-1, 1)

    def augment(self, images: Tensor) -> Tensor | None:
        """Change images as before the discriminator sees them; see `Family.augment`."""
        return augment(images, 1.0) if self.config.augmentation else None

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Finish the images' own drafts, without noise for their texture."""
        texture = images.new_zeros(len(images), *self.noise_shape)
        return self.generate(self.prior.encode(images), labels, texture).clamp(-1, 1)

    def membership_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Ask the discriminator, which knows best the images and labels it was shown as real."""
        output = self._discriminated(images, labels)
        return output.logits - output.class_loss

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Ask each part of the prior, the patches' moments and both networks."""
        return [
            FittedPart(
                "components",
                ("prior.components",),
                lambda images, _: self.prior.components.membership_score(images),
            ),
            FittedPart(
                "class_gaussians",
                ("prior.gaussians",),
                self.prior.log_density,
            ),
            FittedPart("class_prior", ("prior.flow", "prior.fitted"), self.prior.membership_score),
            FittedPart(
                "patch_whitening",
                ("patches",),
                lambda images, _: self.patches.membership_score(images),
            ),
            FittedPart(
                "generator",
                ("generator",),
                lambda images, labels: (
                    -(self.reconstruct(images, labels) - images).abs().flatten(1).mean(1)
                ),
            ),
            *self._discriminator_parts(),
        ]

    def diagnose(self, outcome: TrainingOutcome) -> Iterator[TrainingFault]:
        """Look for a discriminator that wins."""
        if found := discriminator_winning(outcome.late_losses.get("discriminator_preference", 0.5)):
            yield found

    def _discriminator_parts(self) -> Sequence[FittedPart]:
        """Ask its verdict and, where that does not depend on them, its classes."""
        if self.config.conditioning != "auxiliary":
            return [FittedPart("discriminator", ("discriminator", "adaptive"), self.discriminate)]
        beneath = ("from_patches", "levels", "to_features", "head.source")
        verdict = (*(f"discriminator.{name}" for name in beneath), "adaptive")
        return [
            FittedPart("discriminator", verdict, self.discriminate),
            FittedPart(
                "auxiliary_classifier",
                ("discriminator.head.classifier",),
                self._class_log_odds,
            ),
        ]

    def _class_log_odds(self, images: Tensor, labels: Tensor) -> Tensor:
        """Say how sure the discriminator is of labels: log(p / (1 - p)).

        It distinguishes images of which it is certain too, where log p is 0.

        Reference: Carlini et al. 2022 (arXiv:2112.03570), who scale their scores so.
        """
        least = torch.finfo(torch.float32).tiny
        class_loss = self._discriminated(images, labels).class_loss.clamp_min(least)  # -log p
        return -(class_loss + (-torch.expm1(-class_loss)).log())

    def _prepare(self, images: TrainingImages) -> Iterator[float]:
        yield from self.prior.fit(images)
        yield from self.patches.fit(images)

    def _finish(self, batch: Batch) -> Tensor:
        """Finish the draft of each image: a synthetic partner that differs in detail alone."""
        noise = torch.randn(len(batch.labels), *self.noise_shape, device=batch.labels.device)
        return self.generate(self.prior.encode(batch.images), batch.labels, noise)

    def _shown(self, real: Tensor, synthetic: Tensor) -> tuple[Tensor, Tensor]:
        """Augment partners, (b, 1, h, w) each, alike."""
        both = augment(torch.cat([real, synthetic], dim=1), self._strength)
        return both[:, :1], both[:, 1:]

    @property
    def _strength(self) -> float | Tensor:
        if self.config.augmentation == "adaptive":
            return self.adaptive.strength
        return self.config.augmentation

    def _discriminated(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        output: DiscriminatorOutput = self.discriminator(self.patches.fold(images), labels)
        return output

    def _penalties(
        self, batch: Batch, real: Tensor, synthetic: Tensor
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Measure the gradient on a share of the batch; returns it by name, and its charge."""
        weight = self.config.penalty
        if weight == 0:
            return {}, torch.zeros((), device=real.device)
        m = math.ceil(self.config.penalised_share * len(real))
        labels = batch.labels[:m]
        if self.objective.unit_gradient:
            deviation = unit_gradient_deviation(
                lambda x: self.discriminate(x, labels), real[:m], synthetic[:m]
            )
            return {"gradient_penalty": deviation}, weight * deviation
        r1 = squared_gradient_norm(lambda x: self.discriminate(x, labels), real[:m])
        r2 = squared_gradient_norm(lambda x: self.discriminate(x, labels), synthetic[:m])
        return {"r1": r1, "r2": r2}, 0.5 * weight * (r1 + r2)

    def _bound_weights(self) -> None:
        if self.config.weight_bound is not None:
            clip_weights(self.discriminator, self.config.weight_bound)
