"""The course of a latent diffusion training."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from models.family import Batch, Losses, Phase, Stage
from models.schedules import warmup_cosine

if TYPE_CHECKING:
    from models.families.ldm.model import LatentDiffusion

STUDENT_RATE = 0.3  # the student's learning rate beside the denoiser's


def lay_out(model: LatentDiffusion) -> list[Stage]:
    """Train the autoencoder, then the denoiser on its latents, then what was asked for."""
    config = model.config
    in_pixels = config.space == "pixel"
    autoencoder = Stage(
        name="autoencoder",
        share=config.autoencoder_share,
        batch_size=config.autoencoder_batch_size,
        phases=[
            _phase(
                "autoencoder",
                model.autoencoder,
                model.autoencoder_loss,
                config.autoencoder_learning_rate,
            )
        ],
        averaged=[model.autoencoder],
        prepare=model.fit_components,
        conclude=model.measure_latents,
        can_sample=False,
    )
    denoiser = Stage(
        name="denoiser",
        share=config.denoiser_share,
        batch_size=config.batch_size,
        phases=[_phase("denoiser", model.denoiser, model.denoiser_loss, config.learning_rate)],
        averaged=[model.denoiser],
        ema_relative_std=config.ema_relative_std,
        prepare=model.measure_latents if in_pixels else model.cache_latents,
    )
    stages = [denoiser] if in_pixels else [autoencoder, denoiser]
    if config.classifier_share:
        classifier = _phase(
            "classifier", model.classifier, model.classifier_loss, config.learning_rate
        )
        stages.append(
            Stage(
                name="classifier",
                share=config.classifier_share,
                batch_size=config.batch_size,
                phases=[classifier],
                averaged=[model.classifier],
                prepare=model.cache_latents,
            )
        )
    if config.fast_share:
        student = _phase(
            "student", model.student, model.student_loss, STUDENT_RATE * config.learning_rate
        )
        stages.append(
            Stage(
                name="student",
                share=config.fast_share,
                batch_size=config.batch_size,
                phases=[student],
                averaged=[model.student],
                prepare=model.start_student,
            )
        )
    return stages


def _phase(
    name: str, module: nn.Module, loss: Callable[[Batch], Losses], learning_rate: float
) -> Phase:
    return Phase(
        name=name,
        trained=[module],
        loss=loss,
        learning_rate=learning_rate,
        schedule=warmup_cosine,
    )
