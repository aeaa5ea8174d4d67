"""The objectives to choose from: two losses, and what each asks of the discriminator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from models.families.gan import losses

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """A pair of losses.

    Attributes:
        discriminator: From the logits of real and of synthetic images, (b,) each, to a number.
        generator: Likewise.
        boundary: The logit at which the discriminator is undecided; None where it only compares
            images, so that a logit by itself says nothing.
        unit_gradient: Whether the discriminator's gradient is drawn to norm one rather than zero.
    """

    discriminator: Loss
    generator: Loss
    boundary: float | None
    unit_gradient: bool = False


OBJECTIVES = {
    "bce": Objective(losses.bce_discriminator, losses.bce_generator, boundary=0.0),
    "lsgan": Objective(losses.lsgan_discriminator, losses.lsgan_generator, boundary=0.5),
    "wgan": Objective(
        losses.wasserstein_discriminator, losses.wasserstein_generator, boundary=None
    ),
    "wgan_gp": Objective(
        losses.wasserstein_discriminator,
        losses.wasserstein_generator,
        boundary=None,
        unit_gradient=True,
    ),
    "hinge": Objective(losses.hinge_discriminator, losses.hinge_generator, boundary=0.0),
    "r3gan": Objective(
        losses.relativistic_discriminator, losses.relativistic_generator, boundary=None
    ),
}
