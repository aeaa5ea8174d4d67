"""A class-conditional variational autoencoder, sampled from its aggregate posterior.

Kingma & Welling 2014 (arXiv:1312.6114), with the calibrated decoder of Rybkin et al. 2021
(arXiv:2006.13202). Both halves begin as the best linear ones, which are known in closed form (Lucas
et al. 2019, arXiv:1911.02469). Denoising and sparse autoencoders are the same but for what is asked
of their latents, and are there to compare with.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from models.diagnosis import TrainingFault, posterior_collapse
from models.families.vae.aggregate import AggregatePosterior
from models.families.vae.config import Config, Sampler
from models.families.vae.dp_density import Frame, private_gaussians
from models.families.vae.dp_remainder import private_remainder
from models.families.vae.likelihood import LIKELIHOODS, MIN_VARIANCE, optimal_variance
from models.families.vae.networks import Decoder, Encoder
from models.families.vae.objectives import OBJECTIVES, divergence_from_prior
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
from models.nn.blocks import of_classes
from models.nn.jitter import jittered
from models.nn.pca import PrincipalComponents
from models.privacy.noisy_sums import GaussianMechanism
from models.privacy.patients import Patients
from models.seeding import ImageNoise
from models.training_images import TrainingImages

LOG_VARIANCES = (-12.0, 4.0)  # as far as the posterior's may go
NUM_MEASURED = 512
IMAGES_PER_READING = 64
DRAWS_OF_BOUND = 4
DENSITY_SHARE = 0.7  # of the privacy; the rest is for the remainder


class VariationalAutoencoder(Family[Config, Sampler]):
    """q(z|x, y), p(x|z, y), and a density of z for each y."""

    refitted: ClassVar = ("aggregate", "deviation", "remainder")

    deviation: Tensor  # of images from what is decoded of them; 0 until measured
    remainder: Tensor  # mean of the same, by class; of private models alone

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.principal = PrincipalComponents(spec.size, config.num_latents)
        self.encoder = Encoder(config, spec)
        self.decoder = Decoder(config, spec)
        self.aggregate = AggregatePosterior(config.num_latents, spec.num_classes)
        self.register_buffer("deviation", torch.zeros(()))
        if side := config.remainder_size:
            self.register_buffer("remainder", torch.zeros(spec.num_classes, side, side))
        self._likelihood = LIKELIHOODS[config.likelihood]
        self._objective = OBJECTIVES[config.kind](config)

    def stages(self) -> Sequence[Stage]:
        """Train both halves at once, then fit the density of the latents."""
        halves = (self.encoder, self.decoder)
        bound = Phase(
            "autoencoder",
            trained=halves,
            loss=self.loss,
            learning_rate=self.config.learning_rate,
        )
        return [
            Stage(
                "autoencoder",
                share=1.0,
                batch_size=self.config.batch_size,
                phases=[bound],
                averaged=halves,
                ema_relative_std=self.config.ema_relative_std,
                prepare=lambda images: self.principal.fit(images, jittered),
                conclude=self._conclude,
            )
        ]

    def loss(self, batch: Batch) -> Losses:
        """Reconstruction and the price of the latents, in nats per pixel; parts in nats per image.

        For the variational kind that is the negative evidence lower bound. The images are seen with
        small changes, so that little of each is memorised.
        """
        images = jittered(batch.images).clamp(-1, 1)
        mean, log_variance = self.encode(self._objective.shown(images), batch.labels)
        latents = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        output = self.decode(latents, batch.labels)
        reconstruction = self._likelihood.negative_log(output, images)
        price, reported = self._objective.price(mean, log_variance, batch.fraction)
        return {
            "loss": (reconstruction + price) / images[0].numel(),
            "reconstruction": reconstruction,
            **reported,
            "deviation": optimal_variance(self._likelihood.mean(output), images).sqrt(),
        }

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log_variance of q(z|x, y), (b, num_latents) each."""
        mean, log_variance = self.principal.encode(images)
        more_mean, more_log_variance = self.encoder(images, labels)
        mean = mean + more_mean
        if self._objective.is_certain:
            return mean, torch.full_like(mean, -math.inf)
        return mean, (log_variance + more_log_variance).clamp(*LOG_VARIANCES)

    def decode(self, latents: Tensor, classes: Tensor) -> Tensor:
        """Return the parameter of p(x|z, y) for every pixel, (b, 1, h, w).

        The classes y are labels (b,) or mixtures (b, num_classes).
        """
        latents = self._objective.activated(latents)
        draft = self.principal.decode(latents)
        correction: Tensor = self.decoder(latents, classes, draft)
        return self._likelihood.output_of(draft) + correction

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Draw latents for the mixtures and decode them to images, with or without their grain."""
        if sampler.name == "mixture":
            latents = self.aggregate(mixtures, noise, sampler.temperature)
        else:
            latents = sampler.temperature * noise.normal(self.config.num_latents)
        expected = self._expected(latents, mixtures)
        grain = self.deviation * noise.normal(*expected.shape[1:])
        return (expected + sampler.grain * grain).clamp(-1, 1)

    def _remainder_of(self, classes: Tensor) -> Tensor:
        """Give what the decoder leaves out of classes (b,) or mixtures of them, (b, 1, h, w)."""
        grid = of_classes(self.remainder, classes).unsqueeze(1)
        return F.interpolate(grid, (self.spec.size, self.spec.size), mode="bilinear")

    def augment(self, images: Tensor) -> Tensor:
        """Change images as the training does; see `Family.augment`."""
        return jittered(images).clamp(-1, 1)

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Decode the mean of q(z|x, y)."""
        mean, _ = self.encode(images, labels)
        return self._likelihood.mean(self.decode(mean, labels)).clamp(-1, 1)

    def membership_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Bound log p(x|y) from below, up to a constant, at the mean of q(z|x, y)."""
        mean, log_variance = self.encode(images, labels)
        expected = self._likelihood.mean(self.decode(mean, labels))
        squared_error = (expected - images).square().flatten(1).sum(1)
        variance = self.deviation.square().clamp_min(MIN_VARIANCE)
        bound = -0.5 * squared_error / variance
        if not self._objective.is_certain:
            bound = bound - divergence_from_prior(mean, log_variance).sum(1)
        return bound

    def likelihood_score(self, images: Tensor, labels: Tensor) -> Tensor | None:
        """Bound log p(x|y) from below, in nats per pixel: (b,); for the variational kind alone.

        The density of z is the one that images are drawn from, and pixels vary about what is
        decoded as much as `deviation` says. Every image sees the same few draws of z's noise.

        Reference: Kingma & Welling 2014, equation 3 (arXiv:1312.6114).
        """
        if self._objective.is_certain:
            return None
        mean, log_variance = self.encode(images, labels)
        noise = ImageNoise([0], images.device)
        squared_errors = []
        for _ in range(DRAWS_OF_BOUND):
            n = noise.normal(self.config.num_latents)
            latents = mean + (0.5 * log_variance).exp() * n
            expected = self._expected(latents, labels)
            squared_errors.append((expected - images).square().flatten(1).sum(1))
        variance = self.deviation.square().clamp_min(MIN_VARIANCE)
        num_pixels = images[0].numel()
        normaliser = num_pixels * (2 * math.pi * variance).log()
        likelihood = -0.5 * (torch.stack(squared_errors).mean(0) / variance + normaliser)
        return (likelihood - self.aggregate.divergence(mean, log_variance, labels)) / num_pixels

    def _expected(self, latents: Tensor, classes: Tensor) -> Tensor:
        """Decode the images that latents of classes are expected to be, (b, 1, h, w)."""
        expected = self._likelihood.mean(self.decode(latents, classes))
        if self.config.remainder_size:
            expected = expected + self._remainder_of(classes)
        return expected

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Ask the linear beginning, both halves together, and the density of the latents."""
        parts = [
            FittedPart(
                "principal_components",
                ("principal",),
                lambda images, _: self.principal.overfit(images),
            ),
            FittedPart("autoencoder", ("encoder", "decoder", "deviation"), self.membership_score),
            FittedPart(
                "aggregate_posterior",
                ("aggregate",),
                lambda images, labels: self.aggregate.log_density(
                    self.encode(images, labels)[0], labels
                ),
            ),
        ]
        if self.config.remainder_size:
            reason = "Learned through a mechanism of differential privacy, or zero."
            parts.append(FittedPart("remainder", ("remainder",), unfitted=reason))
        return parts

    def diagnose(self, outcome: TrainingOutcome) -> Iterator[TrainingFault]:
        """Look for latents that say nothing of the image."""
        few = outcome.images.few(NUM_MEASURED)
        means, _ = self.encode(few.read(torch.arange(len(few), device=few.device)), few.labels)
        if found := posterior_collapse(means):
            yield found

    @torch.no_grad()
    def learn_privately(
        self,
        public: TrainingImages,
        patients: Patients,
        mechanism: GaussianMechanism,
        clipping: float,
    ) -> Iterator[float]:
        """Put the density of the patients' latents, made noisy, in the place of the public images'.

        The autoencoder stays as the public images made it.
        """
        frame = Frame.of(self.encode, public)
        yield 0.0
        num_classes = self.spec.num_classes
        share = DENSITY_SHARE if self.config.remainder_size else 1.0
        learned = yield from private_gaussians(
            self.encode, patients, frame, num_classes, mechanism, share, clipping
        )
        self.aggregate.take(learned.means, learned.covariances)
        if self.config.remainder_size:
            remainder = yield from private_remainder(
                self._left_out, public, patients, learned.counts, mechanism, 1 - share, clipping
            )
            self.remainder.copy_(remainder.view_as(self.remainder))

    def _left_out(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give what is decoded of images less than they show, on a coarse grid, (b, k)."""
        expected = self._likelihood.mean(self.decode(self.encode(images, labels)[0], labels))
        grid = F.adaptive_avg_pool2d(images - expected, self.config.remainder_size)
        return grid.flatten(1)

    def _conclude(self, images: TrainingImages) -> Iterator[float]:
        self._measure(images)
        yield from self.aggregate.fit(self.encode, images)

    def _measure(self, images: TrainingImages) -> None:
        """Measure the deviation on some images from everywhere in the set."""
        indices = torch.linspace(0, len(images) - 1, NUM_MEASURED, device=images.device).long()
        squares = []
        for some in torch.split(indices, IMAGES_PER_READING):
            batch, labels = images.read(some), images.labels[some]
            mean, _ = self.encode(batch, labels)
            expected = self._likelihood.mean(self.decode(mean, labels))
            squares.append((expected - batch).square().mean())
        self.deviation.copy_(torch.stack(squares).mean().sqrt())
