"""A student that learns to jump to the image in one to four steps, for the `fast` sampler."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import final

import torch
from torch import Tensor, nn

from models.diffusion.consistency import consistency_loss
from models.diffusion.guidance import EarlySnapshot
from models.diffusion.paths import Level, along_path
from models.families.ldm.autoencoder_task import LatentSpace
from models.families.ldm.config import Config, Sampler
from models.families.ldm.denoiser_task import DiffusionProcess
from models.family import Batch, FittedPart, Losses, Phase, Stage
from models.nn.unet import UNet
from models.training_images import TrainingImages

TEACHER_STEPS = 24  # in which the teacher would go the whole path
LEARNING_RATE = 0.3  # beside the denoiser's


class Student(nn.Module):
    """A copy of the denoiser, made anew when the denoiser's training is done."""

    started: Tensor

    def __init__(self, denoiser: UNet) -> None:
        super().__init__()
        self.network = copy.deepcopy(denoiser)
        self.register_buffer("started", torch.tensor(False))

    def start(self, denoiser: UNet) -> None:
        """Begin as the denoiser, unless a checkpoint has brought the student."""
        if not self.started:
            self.network.load_state_dict(denoiser.state_dict())
            self.started.fill_(value=True)


@final
class DistillationTask:
    """Trains a student by consistency with the guided denoiser.

    Args:
        config: Batches, learning rate and length.
        space: Where the latents come from.
        process: The path.
        teacher: The trained denoiser.
        student: What is trained.
        early: What guidance leads the teacher away from; None is the teacher's images of no class.
    """

    def __init__(
        self,
        config: Config,
        space: LatentSpace,
        process: DiffusionProcess,
        teacher: UNet,
        student: Student,
        early: EarlySnapshot | None,
    ) -> None:
        self._config, self._space, self._process = config, space, process
        self._teacher, self._student, self._early = teacher, student, early

    def stage(self) -> Stage:
        """Start the student as the teacher, and train it."""
        config, network = self._config, self._student.network
        phase = Phase(
            "student",
            trained=[network],
            loss=self.loss,
            learning_rate=LEARNING_RATE * config.learning_rate,
        )
        return Stage(
            "student",
            share=config.fast_share,
            batch_size=config.batch_size,
            phases=[phase],
            averaged=[network],
            prepare=self.start,
        )

    def start(self, images: TrainingImages) -> Iterator[float]:
        """Let the student begin as the teacher, and cache the latents."""
        self._student.start(self._teacher)
        yield from self._space.cache(images)

    def loss(self, batch: Batch) -> Losses:
        """Jump to the same image from both ends of a step of the guided teacher."""
        process = self._process
        x, changes = self._space.draw_augmented(batch)
        times = process.path.sampling_times(TEACHER_STEPS).to(x)
        step = torch.randint(TEACHER_STEPS, (len(x),), device=x.device)
        level, next_level = (
            process.path.level(times[place].view(-1, 1, 1, 1)) for place in (step, step + 1)
        )
        sampler = Sampler()
        share = level.noise_share
        inside = (share >= sampler.guidance_from) & (share <= sampler.guidance_to)
        guidance = torch.where(inside, sampler.guidance, 1.0)
        no_class = torch.full_like(batch.labels, self._teacher.embedding.classes.num_embeddings - 1)
        weaker = self._early.network if self._early else self._teacher
        strong, weak = (
            process.denoiser(network.eval(), labels, changes)
            for network, labels in ((self._teacher, batch.labels), (weaker, no_class))
        )

        def teacher(x: Tensor, level: Level) -> Tensor:
            away_from = weak(x, level)
            return away_from + guidance * (strong(x, level) - away_from)

        student = process.denoiser(self._student.network, batch.labels, changes)
        x_t = along_path(x, torch.randn_like(x), level)
        return {"loss": consistency_loss(student, teacher, x_t, level, next_level)}

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Score images by how little the student errs as a denoiser."""
        return [
            FittedPart(
                "student",
                ("student",),
                lambda images, labels: self._process.score(self._student.network, images, labels),
            )
        ]
