"""Hyper-parameters of the generative adversarial network; imports no torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from models.config import Circumstances, FamilyConfig, FamilySampler


class Config(FamilyConfig):
    """A class-conditional adversarial pair with a relativistic loss."""

    num_latents: int = Field(128, ge=2, le=512, description="Length of the latent vector.")
    generator_width: int = Field(
        64,
        ge=8,
        le=512,
        multiple_of=8,
        description="Channels where the generator's feature maps are 16x16: half as many above, "
        "twice below.",
    )
    discriminator_width: int = Field(
        64,
        ge=8,
        le=512,
        multiple_of=8,
        description="Channels where the discriminator's feature maps are 16x16: half as many "
        "above, twice below.",
    )
    patch_size: Literal[2, 4, 8] = Field(
        4, description="Side of the pixel blocks that are folded into channels at both ends."
    )
    penalty: float = Field(
        0.3,
        ge=0,
        le=1000,
        description="Weight gamma of the zero-centred gradient penalties R1 and R2 at the start.",
    )
    final_penalty: float = Field(
        0.02,
        ge=0,
        le=1000,
        description="The same at the end; between them it falls along a cosine.",
    )
    penalised_share: float = Field(
        0.125,
        gt=0,
        le=1,
        description="Share of each batch on which the penalties are computed: they cost more than "
        "the loss itself.",
    )
    augmentation: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Probability that each change (shift, brightness, contrast, cut-out) is made "
        "to a film before the discriminator sees it; real and synthetic alike, never a flip.",
    )
    batch_size: int = Field(32, ge=2, le=1024, description="Films in a batch.")
    generator_learning_rate: float = Field(
        5e-4, gt=0, le=0.1, description="Highest step size of the generator."
    )
    discriminator_learning_rate: float = Field(
        5e-4, gt=0, le=0.1, description="Highest step size of the discriminator."
    )
    ema_relative_std: float = Field(
        0.05,
        gt=0,
        lt=0.29,
        description="Width of the average of the generator's weights, relative to the training's "
        "length.",
    )

    @classmethod
    def preset(cls, name: str, given: Circumstances) -> dict[str, Any]:
        """Name the fields in which a preset departs from the defaults."""
        if name == "tiny":
            return {
                "num_latents": 8,
                "generator_width": 16,
                "discriminator_width": 16,
                "patch_size": 8,
                "batch_size": 16,
            }
        return {"patch_size": 8} if given.image_size > 128 else {}


class Sampler(FamilySampler):
    """How a trained adversarial network draws its films."""

    name: Literal["latent"] = Field(
        "latent", description="Draw latents from the standard normal distribution."
    )
    truncation: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Multiplies the latents: below 1 the films are more typical and less varied; "
        "at 0 each class has one film.",
    )
