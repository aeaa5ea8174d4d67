"""Learning from private images by noisy gradients alone.

Whatever is not computed from the noisy sums is public: the place it starts from, the length at
which gradients are clipped, the number of steps and the learning rates. No loss of a private image
is looked at, no checkpoint is chosen by one.

References: DP-SGD, Abadi et al. 2016, algorithm 1 (arXiv:1607.00133); with a public start and few
weights that move, Yu et al. 2022 (arXiv:2110.06500).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from models.family import PrivateStage
from models.optimiser import EagerAdamW
from models.privacy.noisy_sums import PoissonGaussianMechanism
from models.privacy.patient_gradients import PatientGradients
from models.privacy.patients import Patients
from models.schedules import warmup_cosine
from models.training.ema import PowerAverage
from models.training_images import TrainingImages

ROWS_AT_ONCE = {"cpu": 64, "cuda": 1024}  # losses of a pass: memory does not grow with the batch
PUBLIC_IMAGES = 128  # whose gradients set the length to clip at
BETAS = (0.9, 0.99)


def dp_sgd(
    stage: PrivateStage,
    public: TrainingImages,
    patients: Patients,
    sums: PoissonGaussianMechanism,
    clipping: float,
) -> Iterator[float]:
    """Train a stage by DP-SGD: clipped gradients of sampled patients with noise.

    Args:
        stage: What moves, and how far.
        public: What it learned from before; sets the length to clip at.
        patients: One image each. How many there are is public.
        sums: The mechanism: samples the patients and adds the noise.
        clipping: Gradients are clipped at so many times the median length of public ones.

    Yields:
        The fraction done.
    """
    gradients = PatientGradients(stage.network, stage.trained, stage.losses, stage.num_draws)
    optimiser = EagerAdamW(stage.trained, stage.learning_rate, BETAS, weight_decay=0.0)
    average = PowerAverage([nn.ParameterList(stage.trained)], stage.ema_relative_std)
    images_at_once = max(1, ROWS_AT_ONCE[public.device.type] // stage.num_draws)
    batch_size = sums.cost.sample_rate * sums.num_patients  # what is expected, not what came
    with gradients.hooked():
        bound = clipping * _median_length(gradients, public, images_at_once)

        def vectors_of(chosen: Tensor) -> Iterator[Tensor]:
            for some in torch.split(chosen, images_at_once) if len(chosen) else ():
                yield gradients.rows(*patients.some(some)) / bound

        for update in range(sums.cost.steps):
            fraction = update / sums.cost.steps
            for group in optimiser.param_groups:
                group["lr"] = stage.learning_rate * warmup_cosine(fraction)
            summed = sums.noisy_sum(vectors_of)
            _give(stage.trained, summed / batch_size)
            optimiser.step()
            average.update(update + 1)
            yield fraction
    average.apply()


def _median_length(
    gradients: PatientGradients, public: TrainingImages, images_at_once: int
) -> float:
    """Measure how long the gradients of public images are."""
    some = public.few(PUBLIC_IMAGES)
    lengths = [
        gradients.rows(some.read(indices), some.labels[indices]).norm(dim=1)
        for indices in some.in_order(images_at_once)
    ]
    return float(torch.cat(lengths).median().clamp_min(1e-12))


def _give(weights: Sequence[nn.Parameter], gradient: Tensor) -> None:
    """Lay a gradient out over the weights it is of."""
    parts = torch.split(gradient, [weight.numel() for weight in weights])
    for weight, part in zip(weights, parts, strict=True):
        weight.grad = part.view_as(weight).to(weight)
