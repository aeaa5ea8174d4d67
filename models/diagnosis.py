"""What can have gone wrong in a training that ended: each fault found by a measurement, and named.

A fault that ends a training is an error instead: see `models.training.loop.TrainingDiverged`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training_images import TrainingImages

MIN_ACTIVE_VARIANCE = 0.01
MIN_ACTIVE_LATENTS = 2
WINNING_PREFERENCE = 0.95
LATENT_SCALES = (0.6, 1.6)
MAX_LOSS_EXCESS = 0.25
MAX_SHARE_OF_GAIN = 0.1
COMPARED_SIDE = 16  # pixels
NUM_NEIGHBOURS = 50
MIN_KNOWN = 3  # training images to be compared with
MAX_COPIED_SHARE = 0.1
OVERFITTING = "overfitting"
KNOWN = (
    "The model knows images it was trained on better than held-out ones, by {:.1f} standard errors."
)
IMAGES_AT_ONCE = 64


@dataclass(frozen=True)
class TrainingFault:
    """One fault of a finished training.

    Attributes:
        code: Stable name, explained in docs/diagnosis.md.
        what: What was measured, and what was expected.
        fix: What to change before training again.
    """

    code: str
    what: str
    fix: str


def hardly_trained(images_seen: int, num_images: int) -> TrainingFault | None:
    """Find a training whose budget ended before every image was seen once.

    Args:
        images_seen: With repetition, over all stages.
        num_images: In the training set.
    """
    if images_seen >= num_images:
        return None
    return TrainingFault(
        "hardly_trained",
        f"{images_seen:,} images were seen, of a training set of {num_images:,}: less than one "
        "pass. Its images will hardly look like real ones.",
        "Give it a larger budget, or a machine with less other work; a budget in images does not "
        "depend on the machine.",
    )


def posterior_collapse(means: Tensor) -> TrainingFault | None:
    """Find latents that say nothing about the image.

    A latent is active when its posterior mean varies from image to image by more than 0.01.

    Args:
        means: Posterior means of many images, (n, num_latents).

    Reference: Burda et al. 2016, section 5.2 (arXiv:1509.00519).
    """
    num_active = int((means.float().var(0) > MIN_ACTIVE_VARIANCE).sum())
    if num_active >= MIN_ACTIVE_LATENTS:
        return None
    return TrainingFault(
        "posterior_collapse",
        f"{num_active} of {means.shape[1]} latents vary with the image; the decoder ignores them "
        "and draws much the same image for everything in a class.",
        "Lower beta, or raise free_bits or kl_warmup.",
    )


def discriminator_winning(preference: float) -> TrainingFault | None:
    """Find a discriminator that distinguishes real from synthetic images almost always.

    Args:
        preference: Share of the last pairs in which the real image was scored higher; 0.5 when the
            two cannot be distinguished.
    """
    if preference <= WINNING_PREFERENCE:
        return None
    return TrainingFault(
        "discriminator_winning",
        f"Late in the training the discriminator scored the real image higher in {preference:.1%} "
        f"of all pairs; above {WINNING_PREFERENCE:.0%} the generator learns little from it.",
        "Lower discriminator_learning_rate, raise generator_learning_rate, or raise the penalty "
        "or the augmentation.",
    )


def wrong_latent_scale(latents: Tensor) -> TrainingFault | None:
    """Find latents that the denoiser's noise does not fit.

    Args:
        latents: Normalised as the denoiser sees them, (n, c, h, w): of unit variance over all
            channels, where noise and images meet halfway.
    """
    scale = float(latents.float().square().mean().sqrt())
    low, high = LATENT_SCALES
    if low <= scale <= high:
        return None
    return TrainingFault(
        "wrong_latent_scale",
        f"The normalised latents have a root mean square of {scale:.2g} where 1 is expected: the "
        f"noise levels are too {'strong' if scale < 1 else 'weak'} for them.",
        "Train again, so that the latents are measured on this training set; where kl_weight was "
        "changed, return to its default.",
    )


def average_too_long(
    stage: str, live: Tensor, averaged: Tensor, first_loss: float
) -> TrainingFault | None:
    """Find an average that still carries weights from early in the training.

    Args:
        stage: The stage's name.
        live: Losses of some batches under the last weights, (k,).
        averaged: Losses of the same batches, with the same noise, under the averaged ones.
        first_loss: The loss when the stage began, to know how much was learned.
    """
    excess = (averaged - live).double()
    mean, last = float(excess.mean()), float(live.double().mean())
    error = float(excess.std()) / math.sqrt(len(excess))
    allowed = max(
        MAX_LOSS_EXCESS * abs(last), MAX_SHARE_OF_GAIN * abs(first_loss - last), 3 * error
    )
    if not mean > allowed:
        return None
    return TrainingFault(
        "average_too_long",
        f"In stage {stage!r} the averaged weights have a loss of {last + mean:.3g}, the last ones "
        f"{last:.3g}: the average still carries weights from before they were any good.",
        "Lower ema_relative_std, or train longer.",
    )


def memorising(
    drawn: TrainingImages, training: TrainingImages, held_out: TrainingImages
) -> TrainingFault | None:
    """Find synthetic images that are copies of training images.

    An image's closeness is its distance to the nearest training image, divided by the mean distance
    to the 50 next ones: an image that is only smooth or typical is near to all of them. Synthetic
    images are held against held-out ones, which nobody can have copied.

    Args:
        drawn: Synthetic images.
        training: The training images, three at least to be judged by.
        held_out: Images of the same source that were not trained on.

    Reference: Carlini et al. 2023, section 4.2 (arXiv:2301.13188).
    """
    known = _small(training)
    if len(known) < MIN_KNOWN or not len(held_out):
        return None
    closest = float(_closeness(_small(held_out), known).min())
    share = float((_closeness(_small(drawn), known) < closest).double().mean())
    if share <= MAX_COPIED_SHARE + 2 / (1 + len(held_out)):
        return None
    return TrainingFault(
        "memorising",
        f"{share:.0%} of {len(drawn)} synthetic images are nearer to one training image, against "
        f"the images around it, than any held-out image is.",
        "Train with a smaller budget or on more images, choose a smaller model, or raise dropout "
        "or augmentation. Do not release images of this model.",
    )


def overfitting(standard_errors: float, last_clean: int | None) -> TrainingFault:
    """Name a model that knows images it was trained on better than held-out ones.

    Args:
        standard_errors: By how many.
        last_clean: After how many images that did not show yet; None where it always did.
    """
    fewer = "fewer images" if last_clean is None else f"about {last_clean:,} images"
    return TrainingFault(
        OVERFITTING,
        f"{KNOWN.format(standard_errors)} Of an honest model 2.33 or less are expected.",
        f"Train with a budget of {fewer}, on more patients, or choose a smaller model, or raise "
        "dropout or augmentation. Its weights stay inside; each of its sets is examined.",
    )


def _small(images: TrainingImages) -> Tensor:
    """Shrink images to (n, 256), without their brightness."""
    batches = (images.read(indices) for indices in images.in_order(IMAGES_AT_ONCE))
    flat = torch.cat([F.adaptive_avg_pool2d(each, COMPARED_SIDE).flatten(1) for each in batches])
    return flat - flat.mean(1, keepdim=True)


def _closeness(images: Tensor, known: Tensor) -> Tensor:
    num_nearest = min(len(known), 1 + NUM_NEIGHBOURS)
    closeness = []
    for some in torch.split(images, IMAGES_AT_ONCE):
        nearest = torch.cdist(some, known).topk(num_nearest, largest=False).values  # ascending
        closeness.append(nearest[:, 0] / nearest[:, 1:].mean(1).clamp_min(1e-6))
    return torch.cat(closeness)
