"""Latent diffusion: an autoencoder shrinks the films, a flow draws the latents.

References:
    Rombach et al. 2022 (arXiv:2112.10752) for diffusion in an autoencoder's latents.
    Lipman et al. 2023 (arXiv:2210.02747) for flow matching.
    Ho & Salimans 2022 (arXiv:2207.12598) for guidance by the class.
    Wang & Vastola 2024 (arXiv:2412.09726) for the linear denoiser it starts from.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F

from models.diffusion import training_times
from models.diffusion.denoiser import Denoiser, NetworkDenoiser
from models.diffusion.descent import Descent
from models.diffusion.gaussian import GaussianDenoiser
from models.diffusion.guidance import drop_labels, extrapolated, within
from models.diffusion.paths import PATHS, along_path
from models.diffusion.predictions import PREDICTIONS
from models.diffusion.samplers import SAMPLERS
from models.families.ldm.config import Config, Sampler
from models.family import Batch, Family, ImageSpec, Losses, Phase, Stage
from models.films import Films
from models.nn.image_losses import gradient_loss
from models.nn.patch_autoencoder import PatchAutoencoder, Posterior
from models.nn.unet import UNet
from models.precision import autocast, fastest_dtype
from models.schedules import warmup_cosine
from models.seeding import ImageNoise

FILMS_AT_ONCE = 64


@final
class LatentDiffusion(Family[Config, Sampler]):
    """A patch autoencoder, and a U-Net that predicts the velocity of its latents."""

    latent_mean: Tensor
    latent_scale: Tensor

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.autoencoder = PatchAutoencoder(
            patch_size=config.patch_size,
            latent_channels=config.latent_channels,
            channels=config.autoencoder_channels,
            num_blocks=config.autoencoder_blocks,
        )
        self.path = PATHS[config.path]
        self.prediction = PREDICTIONS[config.prediction]
        self.latent_size = spec.size // config.patch_size
        self.denoiser = UNet(
            image_channels=config.latent_channels,
            size=self.latent_size,
            channels=config.denoiser_channels,
            num_blocks=config.denoiser_blocks,
            max_attention_size=config.max_attention_size,
            num_classes=spec.num_classes,
            dropout=config.dropout,
        )
        num_latents = config.latent_channels * self.latent_size**2
        self.gaussian = GaussianDenoiser(
            (config.latent_channels, self.latent_size, self.latent_size),
            spec.num_classes,
            min(config.gaussian_components, num_latents // 2),
        )
        self.register_buffer("latent_mean", torch.zeros(config.latent_channels, 1, 1))
        self.register_buffer("latent_scale", torch.ones(config.latent_channels, 1, 1))

    def stages(self) -> Sequence[Stage]:
        """Train the autoencoder, then the denoiser on its latents."""
        config = self.config
        autoencoder = Phase(
            name="autoencoder",
            trained=[self.autoencoder],
            loss=self.autoencoder_loss,
            learning_rate=config.autoencoder_learning_rate,
            schedule=warmup_cosine,
        )
        denoiser = Phase(
            name="denoiser",
            trained=[self.denoiser],
            loss=self.denoiser_loss,
            learning_rate=config.learning_rate,
            schedule=warmup_cosine,
        )
        return [
            Stage(
                name="autoencoder",
                share=config.autoencoder_share,
                batch_size=config.autoencoder_batch_size,
                phases=[autoencoder],
                averaged=[self.autoencoder],
                prepare=self.fit_components,
                conclude=self.measure_latents,
                can_sample=False,
            ),
            Stage(
                name="denoiser",
                share=1 - config.autoencoder_share,
                batch_size=config.batch_size,
                phases=[denoiser],
                averaged=[self.denoiser],
                ema_relative_std=config.ema_relative_std,
                prepare=self.cache_latents,
            ),
        ]

    def autoencoder_loss(self, batch: Batch) -> Losses:
        """Compare films with their reconstructions, and latents with a normal."""
        posterior = self.autoencoder.encode(batch.images)
        reconstructions = self.autoencoder.decode(posterior.draw())
        absolute = F.l1_loss(reconstructions, batch.images)
        gradient = gradient_loss(reconstructions, batch.images)
        kl = posterior.kl()
        loss = absolute + self.config.gradient_weight * gradient + self.config.kl_weight * kl
        return {"loss": loss, "absolute": absolute, "gradient": gradient, "kl": kl}

    def denoiser_loss(self, batch: Batch) -> Losses:
        """Predict, at a place of the path from a film's latents to noise, what is asked for."""
        config = self.config
        x = self.normalised(self.cached(batch.indices).draw())
        n = torch.randn_like(x)
        level = self.path.level(self.path.training_times(self.draw_times(len(x))).view(-1, 1, 1, 1))
        labels = drop_labels(batch.labels, config.class_dropout, self.spec.num_classes)
        F_x = self.of(labels).answer(along_path(x, n, level), level)
        return {"loss": F.mse_loss(F_x, self.prediction.target(x, n, level))}

    def draw_times(self, num_times: int) -> Tensor:
        """Draw training times from (0, 1)."""
        config, device = self.config, self.latent_mean.device
        if config.times == "uniform":
            return training_times.uniform(num_times, device)
        return training_times.logit_normal(num_times, config.time_mean, config.time_std, device)

    def cached(self, indices: Tensor) -> Posterior:
        """Look up the latents of films (b,) of the training set."""
        return Posterior(self._means[indices].float(), self._log_variances[indices].float())

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Descend from noise to latents and decode them."""
        latent_shape = (self.config.latent_channels, self.latent_size, self.latent_size)

        def fresh_noise() -> Tensor:
            return noise.normal(*latent_shape)

        levels = self.path.levels(sampler.num_steps)
        descent = Descent(self.guided(mixtures, sampler), levels, fresh_noise)
        latents = SAMPLERS[sampler.name](descent, levels[0].sigma * fresh_noise())
        return self.autoencoder.decode(latents * self.latent_scale + self.latent_mean).clamp(-1, 1)

    def guided(self, mixtures: Tensor, sampler: Sampler) -> Denoiser:
        """Denoise latents of the classes asked for, as strongly guided as asked for."""
        classes = F.pad(mixtures, (0, 1))  # "no class" is the last
        plain = self.of(classes)
        if sampler.guidance == 1:
            return plain
        no_class = torch.zeros_like(classes)
        no_class[:, -1] = 1
        both = self.of(torch.cat([classes, no_class]))
        guided = extrapolated(both, sampler.guidance)
        return within(guided, plain, sampler.guidance_from, sampler.guidance_to)

    def of(self, classes: Tensor) -> NetworkDenoiser:
        """Denoise latents of some classes."""

        def network(x: Tensor, times: Tensor, classes: Tensor) -> Tensor:
            with autocast(x.device, fastest_dtype(x.device)):
                return self.denoiser(x, times, classes).float()  # type: ignore[no-any-return]

        return NetworkDenoiser(network, self.prediction, self.gaussian, classes)

    def fit_components(self, films: Films) -> Iterator[float]:
        """Fit the linear half of the autoencoder, unless a checkpoint has brought it."""
        if self.autoencoder.fitted:
            return
        batches = _index_batches(films)
        fitting = self.autoencoder.fit(films.images(indices) for indices in batches)
        for num_done, _ in enumerate(fitting, start=1):
            yield num_done / len(batches)

    def measure_latents(self, films: Films) -> Iterator[float]:
        """Measure the latents' channels over the training set, and fit the linear denoiser."""
        yield from self.cache_latents(films)
        posterior = self.cached(torch.arange(len(films), device=films.device))
        second_moment = posterior.mean.square() + posterior.log_variance.exp()
        mean = posterior.mean.mean(dim=(0, 2, 3)).view(-1, 1, 1)
        variance = second_moment.mean(dim=(0, 2, 3)).view(-1, 1, 1) - mean.square()
        emphasis = self.autoencoder.deviations.view(-1, 1, 1) ** (1 - self.config.whitening)
        self.latent_mean.copy_(mean)
        self.latent_scale.copy_(variance.sqrt() * emphasis.square().mean().sqrt() / emphasis)

        def read() -> Iterator[tuple[Tensor, Tensor]]:
            for indices in _index_batches(films):
                yield self.normalised(self.cached(indices).mean), films.labels[indices]

        for _ in self.gaussian.fit(read):
            yield 1.0

    def normalised(self, latents: Tensor) -> Tensor:
        """Give latents mean 0 and, over all channels, unit variance."""
        return (latents - self.latent_mean) / self.latent_scale

    @torch.no_grad()
    def cache_latents(self, films: Films) -> Iterator[float]:
        """Encode every film once."""
        batches = _index_batches(films)
        means, log_variances = [], []
        for num_done, indices in enumerate(batches, start=1):
            posterior = self.autoencoder.encode(films.images(indices))
            means.append(posterior.mean.half())
            log_variances.append(posterior.log_variance.half())
            yield num_done / len(batches)
        self._means, self._log_variances = torch.cat(means), torch.cat(log_variances)


def _index_batches(films: Films) -> Sequence[Tensor]:
    return torch.split(torch.arange(len(films), device=films.device), FILMS_AT_ONCE)
