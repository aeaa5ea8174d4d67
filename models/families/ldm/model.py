"""Latent diffusion: an autoencoder shrinks the images, a flow draws the latents.

References:
    Rombach et al. 2022 (arXiv:2112.10752) for diffusion in an autoencoder's latents.
    Lipman et al. 2023 (arXiv:2210.02747) for flow matching.
    Ho & Salimans 2022 (arXiv:2207.12598) for guidance by the class.
    Wang & Vastola 2024 (arXiv:2412.09726) for the linear denoiser it starts from.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.diagnosis import Finding, wrong_latent_scale
from models.diffusion.consistency import consistency_loss
from models.diffusion.denoiser import Denoiser, NetworkDenoiser
from models.diffusion.gaussian import GaussianDenoiser
from models.diffusion.guidance import (
    EarlySnapshot,
    drop_labels,
    extrapolated,
    in_halves,
    towards_class,
    within,
)
from models.diffusion.paths import PATHS, Level, along_path, logit_normal_times, uniform_times
from models.diffusion.predictions import PREDICTIONS
from models.diffusion.samplers import SAMPLERS, GaussianReference, SamplingTrajectory
from models.families.ldm.config import Config, Sampler
from models.families.ldm.private_stage import private_stage
from models.families.ldm.stages import lay_out
from models.family import Batch, Family, FittedPart, ImageSpec, Losses, Outcome, PrivateStage, Stage
from models.nn.image_augmentation import NUM_CHANGES, augmented
from models.nn.image_losses import gradient_loss, ms_ssim_loss
from models.nn.noise_classifier import NoiseClassifier
from models.nn.patch_autoencoder import PatchAutoencoder, PixelPatches, Posterior
from models.nn.unet import UNet
from models.precision import autocast, fastest_dtype, reproducible_dtype
from models.seeding import ImageNoise
from models.training_images import TrainingImages

IMAGES_AT_ONCE = 64
REVISING_STEPS = 40  # of the whole path
LISTENING_STEPS = 8
TEACHER_STEPS = 24  # in which the student's teacher would go the whole path


@final
class LatentDiffusion(Family[Config, Sampler]):
    """A patch autoencoder, and a U-Net that predicts the velocity of its latents."""

    latent_mean: Tensor
    latent_scale: Tensor
    student_started: Tensor

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.path = PATHS[config.path]
        self.prediction = PREDICTIONS[config.prediction]
        self.autoencoder: PatchAutoencoder | PixelPatches
        if config.space == "pixel":
            self.autoencoder = PixelPatches(config.patch_size)
            channels = config.patch_size**2
        else:
            channels = config.latent_channels
            self.autoencoder = PatchAutoencoder(
                patch_size=config.patch_size,
                latent_channels=channels,
                channels=config.autoencoder_channels,
                num_blocks=config.autoencoder_blocks,
            )
        side = spec.size // config.patch_size
        self.latent_shape = (channels, side, side)
        self.denoiser = UNet(
            image_channels=channels,
            size=side,
            channels=config.denoiser_channels,
            num_blocks=config.denoiser_blocks,
            max_attention_size=config.max_attention_size,
            num_classes=spec.num_classes,
            dropout=config.dropout,
            num_changes=NUM_CHANGES if config.augmentation else 0,
        )
        self.gaussian = GaussianDenoiser(
            self.latent_shape,
            spec.num_classes,
            min(config.gaussian_components, channels * side**2 // 2),
        )
        if config.autoguidance:
            self.early = EarlySnapshot(self.denoiser)
        if config.classifier_share:
            self.classifier = NoiseClassifier(
                channels, config.denoiser_channels[0], spec.num_classes
            )
        if config.fast_share:
            self.student = copy.deepcopy(self.denoiser)
            self.register_buffer("student_started", torch.tensor(False))
        self.register_buffer("latent_mean", torch.zeros(channels, 1, 1))
        self.register_buffer("latent_scale", torch.ones(channels, 1, 1))

    def stages(self) -> Sequence[Stage]:
        """Train the autoencoder, then the denoiser on its latents, then what was asked for."""
        return lay_out(self)

    def private_stage(self) -> PrivateStage:
        """Move what answers the condition by noisy gradients."""
        return private_stage(self)

    def autoencoder_loss(self, batch: Batch) -> Losses:
        """Compare images with their reconstructions, and latents with a normal."""
        config = self.config
        posterior = self.autoencoder.encode(batch.images)
        reconstructions = self.autoencoder.decode(posterior.draw())
        absolute = F.l1_loss(reconstructions, batch.images)
        gradient = gradient_loss(reconstructions, batch.images)
        kl = posterior.kl()
        loss = absolute + config.gradient_weight * gradient + config.kl_weight * kl
        terms = {"absolute": absolute, "gradient": gradient, "kl": kl}
        if config.ms_ssim_weight:
            terms["ms_ssim"] = ms_ssim_loss(reconstructions, batch.images)
            loss = loss + config.ms_ssim_weight * terms["ms_ssim"]
        return {"loss": loss, **terms}

    def denoiser_loss(self, batch: Batch) -> Losses:
        """Predict, at a place of the path from an image's latents to noise, what is asked for."""
        config = self.config
        x, changes = self.latents(batch)
        errors = self.prediction_errors(x, batch.labels, changes)
        if config.autoguidance:
            self.early.follow(self.denoiser, batch.fraction)
        return {"loss": errors.square().mean()}

    def prediction_errors(self, x: Tensor, labels: Tensor, changes: Tensor | None = None) -> Tensor:
        """Say by how much the denoiser misses its target, at a place of the path for each image.

        Args:
            x: Normalised latents, (b, c, h, w).
            labels: (b,), some of which are dropped.
            changes: How the images were augmented.
        """
        n = torch.randn_like(x)
        level = self.draw_level(len(x))
        labels = drop_labels(labels, self.config.class_dropout, self.spec.num_classes)
        F_x = self.reading(self.denoiser, labels, changes).answer(along_path(x, n, level), level)
        return F_x - self.prediction.target(x, n, level)

    def classifier_loss(self, batch: Batch) -> Losses:
        """Tell the class of latents at any place of the path.

        Reference: Dhariwal & Nichol 2021, section 4 (arXiv:2105.05233).
        """
        x, _ = self.latents(batch)
        level = self.draw_level(len(x))
        x_t = along_path(x, torch.randn_like(x), level)
        scores = self.classifier(x_t, level.noise_share.flatten())
        return {"loss": F.cross_entropy(scores.float(), batch.labels)}

    def student_loss(self, batch: Batch) -> Losses:
        """Jump to the same image from both ends of a step of the guided denoiser."""
        x, _ = self.latents(batch)
        times = self.path.sampling_times(TEACHER_STEPS).to(x)
        step = torch.randint(TEACHER_STEPS, (len(x),), device=x.device)
        level, next_level = (
            self.path.level(times[place].view(-1, 1, 1, 1)) for place in (step, step + 1)
        )
        sampler = Sampler()
        share = level.noise_share
        inside = (share >= sampler.guidance_from) & (share <= sampler.guidance_to)
        guidance = torch.where(inside, sampler.guidance, 1.0)
        no_class = torch.full_like(batch.labels, self.spec.num_classes)

        def teacher(x: Tensor, level: Level) -> Tensor:
            self.denoiser.eval()
            strong, weak = (
                self.reading(self.denoiser, labels)(x, level) for labels in (batch.labels, no_class)
            )
            return weak + guidance * (strong - weak)

        student = self.reading(self.student, batch.labels)
        x_t = along_path(x, torch.randn_like(x), level)
        return {"loss": consistency_loss(student, teacher, x_t, level, next_level)}

    def draw_level(self, num_times: int) -> Level:
        """Draw places of training on the path."""
        config, device = self.config, self.latent_mean.device
        if config.times == "uniform":
            u = uniform_times(num_times, device)
        else:
            u = logit_normal_times(num_times, config.time_mean, config.time_std, device)
        return self.path.level(self.path.training_times(u).view(-1, 1, 1, 1))

    def latents(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Draw the normalised latents of images, and say how the images were changed."""
        if self.config.augmentation:
            with torch.no_grad():
                images, changes = augmented(batch.images, self.config.augmentation)
                return self.normalised(self.autoencoder.encode(images).draw()), changes
        if self.config.space == "pixel":
            return self.normalised(self.autoencoder.encode(batch.images).mean), None
        return self.normalised(self.cached(batch.indices).draw()), None

    def normalised(self, latents: Tensor) -> Tensor:
        """Give latents mean 0 and, over all channels, unit variance."""
        return (latents - self.latent_mean) / self.latent_scale

    def cached(self, indices: Tensor) -> Posterior:
        """Look up the latents of images (b,) of the training set."""
        return Posterior(self._means[indices].float(), self._log_variances[indices].float())

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Descend from noise to latents and decode them."""
        sampler.check_model(self.config.model_dump())

        def fresh_noise() -> Tensor:
            return noise.normal(*self.latent_shape)

        levels = self.path.levels(sampler.num_steps)
        trajectory = SamplingTrajectory(
            self.guided(mixtures, sampler), levels, fresh_noise, self.known(F.pad(mixtures, (0, 1)))
        )
        latents = SAMPLERS[sampler.name](trajectory, levels[0].sigma * fresh_noise())
        return self.autoencoder.decode(latents * self.latent_scale + self.latent_mean).clamp(-1, 1)

    def augment(self, images: Tensor) -> Tensor | None:
        """Shift, turn and stretch images; see `Family.augment`."""
        return augmented(images, 1.0)[0] if self.config.augmentation else None

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Go through the autoencoder and back."""
        return self.autoencoder.decode(self.autoencoder.encode(images).mean).clamp(-1, 1)

    def revise(
        self, images: Tensor, labels: Tensor, noise: ImageNoise, noise_share: float
    ) -> Tensor:
        """Begin the sampling at noisy images instead of at noise."""
        x = self.normalised(self.autoencoder.encode(images).mean)
        levels = [
            level
            for level in self.path.levels(REVISING_STEPS)
            if float(level.noise_share) <= noise_share
        ]
        mixtures = F.one_hot(labels, self.spec.num_classes).float()
        sampler = Sampler()
        trajectory = SamplingTrajectory(
            self.guided(mixtures, sampler),
            levels,
            lambda: noise.normal(*self.latent_shape),
            self.known(F.pad(mixtures, (0, 1))),
        )
        noisy = along_path(x, trajectory.fresh_noise(), levels[0])
        latents = SAMPLERS[sampler.name](trajectory, noisy)
        return self.autoencoder.decode(latents * self.latent_scale + self.latent_mean).clamp(-1, 1)

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """Measure how little the denoiser errs, at some levels, the same noise for every image."""
        return self.denoising_score(self.denoiser, images, labels)

    def denoising_score(self, network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
        """Measure how little a network errs as a denoiser; arguments as in `familiarity`."""
        x = self.normalised(self.autoencoder.encode(images).mean)
        denoise = self.reading(network, labels)
        errors = []
        for x_t, level in self._noisy(x):
            error = (denoise(x_t, level) - x).square().flatten(1).mean(1)
            errors.append(error * (level.alpha / level.sigma).to(error) ** 2)
        return -torch.stack(errors).mean(0)

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Ask the autoencoder, the linear denoiser, and every network on the latents."""
        parts = [
            FittedPart(
                "autoencoder",
                ("autoencoder", "latent_mean", "latent_scale"),
                lambda images, labels: (
                    -(self.reconstruct(images, labels) - images).abs().flatten(1).mean(1)
                ),
            ),
            FittedPart(
                "linear_denoiser",
                ("gaussian",),
                lambda images, labels: self.gaussian.overfit(
                    self.normalised(self.autoencoder.encode(images).mean), labels
                ),
            ),
            FittedPart("denoiser", ("denoiser",), self.familiarity),
        ]
        if self.config.autoguidance:
            parts.append(
                FittedPart(
                    "early_snapshot",
                    ("early",),
                    lambda images, labels: self.denoising_score(self.early.network, images, labels),
                )
            )
        if self.config.classifier_share:
            parts.append(FittedPart("classifier", ("classifier",), self._classifier_score))
        if self.config.fast_share:
            parts.append(
                FittedPart(
                    "student",
                    ("student", "student_started"),
                    lambda images, labels: self.denoising_score(self.student, images, labels),
                )
            )
        return parts

    def _classifier_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Measure how sure the classifier is of the label, at some levels: (b,)."""
        x = self.normalised(self.autoencoder.encode(images).mean)
        scores = []
        for x_t, level in self._noisy(x):
            share = torch.full((len(x),), float(level.noise_share), device=x.device)
            scores.append(-F.cross_entropy(self.classifier(x_t, share), labels, reduction="none"))
        return torch.stack(scores).mean(0)

    def _noisy(self, x: Tensor) -> Iterator[tuple[Tensor, Level]]:
        """Take latents (b, c, h, w) to some levels, the same noise for each of them."""
        noise = ImageNoise([0], x.device)
        for level in self.path.levels(LISTENING_STEPS)[1:-1]:
            n = noise.normal(*self.latent_shape).expand_as(x)
            yield along_path(x, n, level), level

    def guided(self, mixtures: Tensor, sampler: Sampler) -> Denoiser:
        """Denoise latents of the classes asked for, as strongly guided as asked for."""
        classes = F.pad(mixtures, (0, 1))  # "no class" is the last
        if sampler.name == "fast":
            return self.reading(self.student, classes)
        plain: Denoiser = self.reading(self.denoiser, classes)
        guided = plain
        if sampler.guidance > 1 and sampler.guidance_by == "early_snapshot":
            early = self.reading(self.early.network, classes)
            guided = extrapolated(in_halves(plain, early), sampler.guidance)
        elif sampler.guidance > 1:
            no_class = torch.zeros_like(classes)
            no_class[:, -1] = 1
            both = self.reading(self.denoiser, torch.cat([classes, no_class]))
            guided = extrapolated(both, sampler.guidance)
        if sampler.classifier_guidance:
            guided = towards_class(guided, self.likelihood(mixtures), sampler.classifier_guidance)
        return within(guided, plain, sampler.guidance_from, sampler.guidance_to)

    def known(self, classes: Tensor) -> GaussianReference:
        """Tell what the latents would be like if they were normal."""
        return GaussianReference(
            lambda x, level: self.gaussian(x, level, classes),
            lambda x, level, next_level: self.gaussian.flow(x, level, next_level, classes),
        )

    def likelihood(self, mixtures: Tensor) -> Callable[[Tensor, Level], Tensor]:
        """Give log p(class | x), for mixtures the mean of it."""

        def log_likelihood(x: Tensor, level: Level) -> Tensor:
            times = torch.full((len(x),), float(level.noise_share), device=x.device)
            scores: Tensor = self.classifier(x, times)
            return (mixtures.clone() * scores.log_softmax(dim=1)).sum(dim=1)

        return log_likelihood

    def reading(
        self, network: nn.Module, classes: Tensor, changes: Tensor | None = None
    ) -> NetworkDenoiser:
        """Read a network as a denoiser of latents of some classes."""

        def answer(x: Tensor, times: Tensor, classes: Tensor) -> Tensor:
            dtype = fastest_dtype if torch.is_grad_enabled() else reproducible_dtype
            with autocast(x.device, dtype(x.device)):
                return network(x, times, classes, changes).float()  # type: ignore[no-any-return]

        return NetworkDenoiser(answer, self.prediction, self.gaussian, classes)

    def fit_components(self, images: TrainingImages) -> Iterator[float]:
        """Fit the linear half of the autoencoder, unless a checkpoint has brought it."""
        assert isinstance(self.autoencoder, PatchAutoencoder)
        if self.autoencoder.fitted:
            return
        batches = _index_batches(images)
        fitting = self.autoencoder.fit(images.read(indices) for indices in batches)
        for num_done, _ in enumerate(fitting, start=1):
            yield num_done / len(batches)

    def measure_latents(self, images: TrainingImages) -> Iterator[float]:
        """Measure the latents' channels over the training set, and fit the linear denoiser."""
        yield from self.cache_latents(images)
        batches = _index_batches(images)
        sums = torch.zeros(3, len(self.latent_mean), device=images.device)
        for indices in batches:
            posterior = self.posterior(images, indices)
            moments = posterior.mean, posterior.mean.square(), posterior.log_variance.exp()
            sums += torch.stack([moment.sum(dim=(0, 2, 3)) for moment in moments])
            yield 0.2
        num_places = len(images) * self.latent_shape[1] * self.latent_shape[2]
        mean, second_moment, variance = sums / num_places
        deviation = (second_moment + variance - mean.square()).clamp(min=1e-8).sqrt()
        emphasis = self.autoencoder.deviations ** (1 - self.config.whitening)
        scale = deviation * emphasis.square().mean().sqrt() / emphasis
        self.latent_mean.copy_(mean.view(-1, 1, 1))
        self.latent_scale.copy_(scale.view(-1, 1, 1))

        def read() -> Iterator[tuple[Tensor, Tensor]]:
            for indices in batches:
                posterior = self.posterior(images, indices)
                yield self.normalised(posterior.mean), images.labels[indices]

        for _ in self.gaussian.fit(read):
            yield 0.5
        yield 1.0

    def posterior(self, images: TrainingImages, indices: Tensor) -> Posterior:
        """Read the latents of images, from the cache where there is one."""
        if self.config.space == "pixel":
            return self.autoencoder.encode(images.read(indices))
        return self.cached(indices)

    def diagnose(self, outcome: Outcome) -> Iterator[Finding]:
        """Look for latents that the denoiser's noise does not fit."""
        few = outcome.images.few(IMAGES_AT_ONCE)
        posterior = self.autoencoder.encode(few.read(torch.arange(len(few), device=few.device)))
        if found := wrong_latent_scale(self.normalised(posterior.mean)):
            yield found

    @torch.no_grad()
    def cache_latents(self, images: TrainingImages) -> Iterator[float]:
        """Encode every image once; nothing to do where pixels are their own latents."""
        if self.config.space == "pixel":
            yield 1.0
            return
        batches = _index_batches(images)
        means, log_variances = [], []
        for num_done, indices in enumerate(batches, start=1):
            posterior = self.autoencoder.encode(images.read(indices))
            means.append(posterior.mean.half())
            log_variances.append(posterior.log_variance.half())
            yield num_done / len(batches)
        self._means, self._log_variances = torch.cat(means), torch.cat(log_variances)

    def start_student(self, images: TrainingImages) -> Iterator[float]:
        """Let the student begin as the denoiser, unless a checkpoint has brought it."""
        if not self.student_started:
            self.student.load_state_dict(self.denoiser.state_dict())
            self.student_started.fill_(value=True)
        yield from self.cache_latents(images)


def _index_batches(images: TrainingImages) -> Sequence[Tensor]:
    return torch.split(torch.arange(len(images), device=images.device), IMAGES_AT_ONCE)
