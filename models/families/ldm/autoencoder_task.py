"""The space that diffusion works in, and the training of the autoencoder that leads there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.diffusion.gaussian import GaussianDenoiser
from models.families.ldm.config import Config
from models.family import Batch, FittedPart, Losses, Phase, Stage
from models.nn.image_losses import gradient_loss, ms_ssim_loss
from models.nn.jitter import changed, draw_changes, jittered
from models.nn.patch_autoencoder import PatchAutoencoder, PixelPatches, Posterior
from models.training_images import TrainingImages

IMAGES_AT_ONCE = 64


class LatentSpace(nn.Module, ABC):
    """A code of images, normalised over the training set.

    Normalised latents have mean 0 in each channel and, over all channels, unit variance.

    Args:
        autoencoder: From images to latents and back.
        shape: Channels, height and width of the latents.
        config: Says how much images are augmented and channels whitened.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        autoencoder: PatchAutoencoder | PixelPatches,
        shape: tuple[int, int, int],
        config: Config,
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.shape = shape
        self._augmentation, self._whitening = config.augmentation, config.whitening
        self.register_buffer("mean", torch.zeros(shape[0], 1, 1))
        self.register_buffer("scale", torch.ones(shape[0], 1, 1))

    @abstractmethod
    def cache(self, images: TrainingImages) -> Iterator[float]:
        """Encode every training image once, where that saves time; yields the fraction done."""

    @abstractmethod
    def prepare(self, images: TrainingImages, gaussian: GaussianDenoiser) -> Iterator[float]:
        """Do what the denoiser's training needs before its first batch."""

    @abstractmethod
    def posterior(self, images: TrainingImages, indices: Tensor) -> Posterior:
        """Encode some of the training images, with what was cached of them."""

    @abstractmethod
    def draw(self, batch: Batch) -> Tensor:
        """Draw the normalised latents (b, c, h, w) of a batch as it is."""

    def draw_augmented(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Draw the normalised latents of a batch, and say how its images were augmented."""
        if not self._augmentation:
            return self.draw(batch), None
        with torch.no_grad():
            changes = draw_changes(len(batch.images), batch.images.device)
            images = changed(batch.images, changes, self._augmentation).clamp(-1, 1)
            return self.normalised(self.autoencoder.encode(images).draw()), changes

    def encode(self, images: Tensor) -> Tensor:
        """Map images (b, 1, h, w) to the means of their normalised latents."""
        return self.normalised(self.autoencoder.encode(images).mean)

    def decode(self, latents: Tensor) -> Tensor:
        """Map normalised latents to images (b, 1, h, w), in [-1, 1]."""
        return self.autoencoder.decode(latents * self.scale + self.mean).clamp(-1, 1)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Encode images and decode them."""
        return self.autoencoder.decode(self.autoencoder.encode(images).mean).clamp(-1, 1)

    def normalised(self, latents: Tensor) -> Tensor:
        """Give latents mean 0 and, over all channels, unit variance."""
        return (latents - self.mean) / self.scale

    def measure(self, images: TrainingImages, gaussian: GaussianDenoiser) -> Iterator[float]:
        """Measure the latents' channels over the training set, and fit the linear denoiser.

        The linear denoiser is fitted to images with small changes: fitted to the images as they
        are, its components distinguish them from others with an AUC of 0.59, and so with 0.51.
        """
        yield from self.cache(images)
        batches = index_batches(images)
        sums = torch.zeros(3, len(self.mean), device=images.device)
        for indices in batches:
            posterior = self.posterior(images, indices)
            moments = posterior.mean, posterior.mean.square(), posterior.log_variance.exp()
            sums += torch.stack([moment.sum(dim=(0, 2, 3)) for moment in moments])
            yield 0.2
        num_places = len(images) * self.shape[1] * self.shape[2]
        mean, second_moment, variance = sums / num_places
        deviation = (second_moment + variance - mean.square()).clamp(min=1e-8).sqrt()
        emphasis = self.autoencoder.deviations ** (1 - self._whitening)
        scale = deviation * emphasis.square().mean().sqrt() / emphasis
        self.mean.copy_(mean.view(-1, 1, 1))
        self.scale.copy_(scale.view(-1, 1, 1))

        changed: list[Tensor] = []
        for indices in batches:
            changed.append(self.encode(jittered(images.read(indices))).half())
            yield 0.4

        def read() -> Iterator[tuple[Tensor, Tensor]]:
            for latents, indices in zip(changed, batches, strict=True):
                yield latents.float(), images.labels[indices]

        for _ in gaussian.fit(read):
            yield 0.7
        yield 1.0

    def fitted_part(self) -> FittedPart:
        """Score images by how well they are reconstructed."""
        return FittedPart(
            "autoencoder",
            ("space",),
            lambda images, _: -(self.reconstruct(images) - images).abs().flatten(1).mean(1),
        )


@final
class AutoencoderSpace(LatentSpace):
    """The latents of a patch autoencoder; those of the training images are cached."""

    autoencoder: PatchAutoencoder

    def __init__(self, config: Config, image_size: int) -> None:
        autoencoder = PatchAutoencoder(
            patch_size=config.patch_size,
            latent_channels=config.latent_channels,
            channels=config.autoencoder_channels,
            num_blocks=config.autoencoder_blocks,
        )
        side = image_size // config.patch_size
        super().__init__(autoencoder, (config.latent_channels, side, side), config)

    @torch.no_grad()
    def cache(self, images: TrainingImages) -> Iterator[float]:
        """Encode every training image once, to half precision."""
        batches = index_batches(images)
        means, log_variances = [], []
        for num_done, indices in enumerate(batches, start=1):
            posterior = self.autoencoder.encode(images.read(indices))
            means.append(posterior.mean.half())
            log_variances.append(posterior.log_variance.half())
            yield num_done / len(batches)
        self._means, self._log_variances = torch.cat(means), torch.cat(log_variances)

    def prepare(self, images: TrainingImages, gaussian: GaussianDenoiser) -> Iterator[float]:  # noqa: ARG002
        """Cache the latents; they were measured when the autoencoder was trained."""
        return self.cache(images)

    def posterior(self, images: TrainingImages, indices: Tensor) -> Posterior:  # noqa: ARG002
        """Look latents up."""
        return self.cached(indices)

    def draw(self, batch: Batch) -> Tensor:
        """Draw from the cached posteriors."""
        return self.normalised(self.cached(batch.indices).draw())

    def cached(self, indices: Tensor) -> Posterior:
        """Look up the latents of images (b,) of the training set."""
        return Posterior(self._means[indices].float(), self._log_variances[indices].float())


@final
class PixelSpace(LatentSpace):
    """The pixels themselves: nothing is trained, and nothing is cached."""

    def __init__(self, config: Config, image_size: int) -> None:
        channels, side = config.patch_size**2, image_size // config.patch_size
        super().__init__(PixelPatches(config.patch_size), (channels, side, side), config)

    def cache(self, images: TrainingImages) -> Iterator[float]:  # noqa: ARG002
        """Cache nothing."""
        yield 1.0

    def prepare(self, images: TrainingImages, gaussian: GaussianDenoiser) -> Iterator[float]:
        """Measure the pixels: no earlier stage has."""
        return self.measure(images, gaussian)

    def posterior(self, images: TrainingImages, indices: Tensor) -> Posterior:
        """Rearrange images into patches."""
        return self.autoencoder.encode(images.read(indices))

    def draw(self, batch: Batch) -> Tensor:
        """Rearrange images into patches."""
        return self.encode(batch.images)


@final
class AutoencoderTask:
    """Trains an autoencoder to reconstruct images, with latents close to a normal.

    Args:
        config: Weights of the loss, and how long.
        space: Holds the autoencoder.
        gaussian: Fitted to the latents as soon as they are known.
    """

    def __init__(self, config: Config, space: AutoencoderSpace, gaussian: GaussianDenoiser) -> None:
        self._config, self._space, self._gaussian = config, space, gaussian

    def stage(self) -> Stage:
        """Fit the linear half, train the rest, and measure the latents."""
        config, autoencoder = self._config, self._space.autoencoder
        phase = Phase(
            "autoencoder",
            trained=[autoencoder],
            loss=self.loss,
            learning_rate=config.autoencoder_learning_rate,
        )
        return Stage(
            "autoencoder",
            share=config.autoencoder_share,
            batch_size=config.autoencoder_batch_size,
            phases=[phase],
            averaged=[autoencoder],
            prepare=self.fit_components,
            conclude=lambda images: self._space.measure(images, self._gaussian),
            can_sample=False,
        )

    def loss(self, batch: Batch) -> Losses:
        """Compare images with their reconstructions, and latents with a normal."""
        config, autoencoder = self._config, self._space.autoencoder
        posterior = autoencoder.encode(batch.images)
        reconstructions = autoencoder.decode(posterior.draw())
        absolute = F.l1_loss(reconstructions, batch.images)
        gradient = gradient_loss(reconstructions, batch.images)
        kl = posterior.kl()
        loss = absolute + config.gradient_weight * gradient + config.kl_weight * kl
        terms = {"absolute": absolute, "gradient": gradient, "kl": kl}
        if config.ms_ssim_weight:
            terms["ms_ssim"] = ms_ssim_loss(reconstructions, batch.images)
            loss = loss + config.ms_ssim_weight * terms["ms_ssim"]
        return {"loss": loss, **terms}

    def fit_components(self, images: TrainingImages) -> Iterator[float]:
        """Fit the linear half of the autoencoder, unless a checkpoint has brought it."""
        autoencoder = self._space.autoencoder
        if autoencoder.fitted:
            return
        batches = index_batches(images)
        fitting = autoencoder.fit(images.read(indices) for indices in batches)
        for num_done, _ in enumerate(fitting, start=1):
            yield num_done / len(batches)


def index_batches(images: TrainingImages) -> Sequence[Tensor]:
    """Split the indices of all training images, in order."""
    return torch.split(torch.arange(len(images), device=images.device), IMAGES_AT_ONCE)
