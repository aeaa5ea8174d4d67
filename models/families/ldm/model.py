"""Latent diffusion: an autoencoder shrinks the images, a flow draws the latents.

Each part is trained by a task of its own: `autoencoder_task`, `denoiser_task`, and where the config
asks for them `classifier_task`, `distillation_task` and `upscaling_task`.

References:
    Rombach et al. 2022 (arXiv:2112.10752) for diffusion in an autoencoder's latents.
    Lipman et al. 2023 (arXiv:2210.02747) for flow matching.
    Ho & Salimans 2022 (arXiv:2207.12598) for guidance by the class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn import functional as F

from models.diagnosis import TrainingFault, wrong_latent_scale
from models.diffusion.denoiser import Denoiser
from models.diffusion.gaussian import GaussianDenoiser
from models.diffusion.guidance import EarlySnapshot, extrapolated, in_halves, towards_class, within
from models.diffusion.paths import Level, along_path
from models.diffusion.samplers import SAMPLERS, GaussianReference, SamplingTrajectory
from models.families.ldm.autoencoder_task import (
    IMAGES_AT_ONCE,
    AutoencoderSpace,
    AutoencoderTask,
    LatentSpace,
    PixelSpace,
)
from models.families.ldm.classifier_task import ClassifierTask, NoiseClassifier
from models.families.ldm.config import Config, Sampler
from models.families.ldm.denoiser_task import DenoiserTask, DiffusionProcess
from models.families.ldm.distillation_task import DistillationTask, Student
from models.families.ldm.upscaler import Upscaler
from models.families.ldm.upscaling_task import UpscalingTask
from models.family import Family, FittedPart, ImageSpec, PrivateStage, Stage, TrainingOutcome
from models.nn.jitter import NUM_CHANGES, changed, draw_changes
from models.nn.unet import UNet
from models.seeding import ImageNoise

SDEDIT_STEPS = 40  # of the whole path


@final
class LatentDiffusion(Family[Config, Sampler]):
    """A patch autoencoder, and a U-Net that predicts the velocity of its latents."""

    # the latents' moments, the linear denoiser, copies of the denoiser made on the way, and what
    # names classes
    refitted: ClassVar = (
        *("space.mean", "space.scale", "gaussian"),
        *("early", "student", "classifier", "upscaler.scale", "upscaler.linear"),
    )

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        self.space: LatentSpace
        if config.space == "pixel":
            self.space = PixelSpace(config, spec.size)
        else:
            self.space = AutoencoderSpace(config, spec.size)
        channels, side, _ = self.space.shape
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
            self.space.shape,
            spec.num_classes,
            min(config.gaussian_components, channels * side**2 // 2),
        )
        self.early = EarlySnapshot(self.denoiser) if config.autoguidance else None
        self.classifier = (
            NoiseClassifier(channels, config.denoiser_channels[0], spec.num_classes)
            if config.classifier_share
            else None
        )
        self.student = Student(self.denoiser) if config.fast_share else None
        self.upscaler = (
            Upscaler(config.upscaler_channels, config.upscaler_blocks)
            if config.upscale_share
            else None
        )
        self._lay_out_tasks()

    def _lay_out_tasks(self) -> None:
        """Train the autoencoder, then the denoiser on its latents, then what was asked for."""
        config, space, gaussian = self.config, self.space, self.gaussian
        self.process = process = DiffusionProcess(config, space, gaussian)
        self.autoencoder_task = (
            AutoencoderTask(config, space, gaussian)
            if isinstance(space, AutoencoderSpace)
            else None
        )
        self.denoiser_task = DenoiserTask(
            config, space, process, self.denoiser, gaussian, self.early
        )
        self.classifier_task = (
            ClassifierTask(config, space, process, self.classifier) if self.classifier else None
        )
        self.distillation_task = (
            DistillationTask(config, space, process, self.denoiser, self.student, self.early)
            if self.student
            else None
        )
        self.upscaling_task = (
            UpscalingTask(config, self.upscaler, self.spec.size) if self.upscaler else None
        )

    def stages(self) -> Sequence[Stage]:
        """One for each task."""
        tasks = (
            self.autoencoder_task,
            self.denoiser_task,
            self.classifier_task,
            self.distillation_task,
            self.upscaling_task,
        )
        return [task.stage() for task in tasks if task]

    def private_stage(self) -> PrivateStage:
        """Move what answers the condition by noisy gradients."""
        return self.denoiser_task.private_stage()

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Ask the autoencoder, the linear denoiser, and every network on the latents."""
        tasks = (
            self.denoiser_task,
            self.classifier_task,
            self.distillation_task,
            self.upscaling_task,
        )
        parts = [self.space.fitted_part()]
        return parts + [part for task in tasks if task for part in task.fitted_parts()]

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Sample latents from noise and decode them."""
        sampler.check_model(self.config.model_dump())
        trajectory = self._trajectory(
            mixtures, noise, sampler, self.process.path.levels(sampler.num_steps)
        )
        start = trajectory.levels[0].sigma * trajectory.fresh_noise()
        return self.space.decode(SAMPLERS[sampler.name](trajectory, start))

    def upscale(self, images: Tensor, noise: ImageNoise) -> Tensor:
        """Draw the details of twice the size."""
        assert self.upscaling_task is not None, "only a model with the stage is asked"
        return self.upscaling_task.enlarge(images, noise)

    def sdedit(
        self, images: Tensor, labels: Tensor, noise: ImageNoise, noise_share: float
    ) -> Tensor:
        """Begin the sampling at noisy images instead of at noise."""
        x = self.space.encode(images)
        levels = [
            level
            for level in self.process.path.levels(SDEDIT_STEPS)
            if float(level.noise_share) <= noise_share
        ]
        sampler = Sampler()
        mixtures = F.one_hot(labels, self.spec.num_classes).float()
        trajectory = self._trajectory(mixtures, noise, sampler, levels)
        noisy = along_path(x, trajectory.fresh_noise(), levels[0])
        return self.space.decode(SAMPLERS[sampler.name](trajectory, noisy))

    def augment(self, images: Tensor) -> Tensor | None:
        """Change images as before the denoiser sees them; see `Family.augment`."""
        if not self.config.augmentation:
            return None
        changes = draw_changes(len(images), images.device)
        return changed(images, changes, self.config.augmentation).clamp(-1, 1)

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Go through the autoencoder and back."""
        return self.space.reconstruct(images)

    def membership_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Measure how little the denoiser errs, at some levels, the same noise for every image."""
        return self.process.score(self.denoiser, images, labels)

    def likelihood_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give the mean squared error of the predicted noise, negative (b,).

        Reference: Li et al. 2023, equation 9 (arXiv:2303.16203): classes compare by it.
        """
        return self.membership_score(images, labels)

    def diagnose(self, outcome: TrainingOutcome) -> Iterator[TrainingFault]:
        """Look for latents that the denoiser's noise does not fit."""
        few = outcome.images.few(IMAGES_AT_ONCE)
        latents = self.space.encode(few.read(torch.arange(len(few), device=few.device)))
        if found := wrong_latent_scale(latents):
            yield found

    def _trajectory(
        self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler, levels: Sequence[Level]
    ) -> SamplingTrajectory:
        """Set up a sampling of mixtures of classes, (b, num_classes), at some levels."""
        classes = F.pad(mixtures, (0, 1))  # "no class" is the last
        reference = GaussianReference(
            lambda x, level: self.gaussian(x, level, classes),
            lambda x, level, next_level: self.gaussian.flow(x, level, next_level, classes),
        )
        return SamplingTrajectory(
            self._guided(classes, sampler),
            levels,
            lambda: noise.normal(*self.space.shape),
            reference,
        )

    def _guided(self, classes: Tensor, sampler: Sampler) -> Denoiser:
        """Denoise latents of the classes asked for, as strongly guided as asked for."""
        denoiser = self.process.denoiser
        if sampler.name == "fast":
            assert self.student is not None
            return denoiser(self.student.network, classes)
        plain: Denoiser = denoiser(self.denoiser, classes)
        guided = plain
        no_class = torch.zeros_like(classes)
        no_class[:, -1] = 1
        if sampler.guidance > 1 and (sampler.guidance_by == "no_class" or self.early is None):
            both = denoiser(self.denoiser, torch.cat([classes, no_class]))
            guided = extrapolated(both, sampler.guidance)
        elif sampler.guidance > 1 and self.early is not None:
            known = classes if sampler.guidance_by == "early_snapshot" else no_class
            early = denoiser(self.early.network, known)
            guided = extrapolated(in_halves(plain, early), sampler.guidance)
        if sampler.classifier_guidance:
            assert self.classifier_task is not None
            likelihood = self.classifier_task.log_likelihood(classes[:, :-1])
            guided = towards_class(guided, likelihood, sampler.classifier_guidance)
        return within(guided, plain, sampler.guidance_from, sampler.guidance_to)
