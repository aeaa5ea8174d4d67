"""Hyper-parameters of the variational autoencoder; imports no torch."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from models.config import Circumstances, FamilyConfig, FamilySampler, LikelihoodScore


class Config(FamilyConfig):
    """A class-conditional autoencoder with a density fitted to its latents."""

    private_methods: ClassVar = ("mixture",)
    starts_warm: ClassVar = True
    passes_before_memorisation: ClassVar = 10.0

    kind: Literal["variational", "denoising", "sparse"] = Field(
        "variational",
        description="What the latents are asked for: to follow a prior (variational); or, as "
        "baselines, to restore spoilt images (denoising) or to be mostly off (sparse). Images are "
        "drawn alike from all three.",
    )
    likelihood: Literal["sigma", "mse", "bce"] = Field(
        "sigma",
        description="What an image is given its latents: a Gaussian whose one variance is always "
        "the best (sigma), a Gaussian of unit variance (mse), or Bernoulli pixels (bce).",
    )
    beta: float = Field(
        1.0, ge=0, le=100, description="Weight of the KL divergence against the reconstruction."
    )
    kl_warmup: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Part of the training over which the KL divergence's weight rises from zero.",
    )
    free_bits: float = Field(
        0.05,
        ge=0,
        le=10,
        description="Nats of KL divergence each latent may use at no cost, against collapse.",
    )
    corruption: float = Field(
        0.25,
        ge=0,
        le=0.95,
        description="Part of its pixels that a denoising autoencoder does not see in training.",
    )
    sparsity: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Mean activation that a sparse autoencoder asks of each of its units.",
    )
    sparsity_weight: float = Field(
        100.0,
        ge=0,
        le=100_000,
        description="Weight of a sparse autoencoder's divergence from that activation, against the "
        "reconstruction in nats.",
    )
    num_latents: int = Field(128, ge=2, le=512, description="Length of the latent vector.")
    width: int = Field(
        96,
        ge=8,
        le=512,
        multiple_of=8,
        description="Channels where feature maps are 16x16: half as many above, twice below.",
    )
    num_blocks: int = Field(1, ge=1, le=8, description="Residual blocks at each resolution.")
    patch_size: Literal[2, 4, 8] = Field(
        4, description="Side of the pixel blocks that are folded into channels at both ends."
    )
    remainder_size: int = Field(
        0,
        ge=0,
        le=64,
        description="Side of the grid on which a training with differential privacy learns what "
        "the decoder leaves out of each class's mean image; 0 leaves it out. No other training "
        "learns it.",
    )
    batch_size: int = Field(64, ge=2, le=1024, description="Images in a batch.")
    learning_rate: float = Field(1e-3, gt=0, le=0.1, description="AdamW's highest step size.")
    ema_relative_std: float = Field(
        0.05,
        gt=0,
        lt=0.29,
        description="Width of the average of the weights, relative to the training's length.",
    )

    def likelihood_score(self) -> LikelihoodScore | None:
        """Name the bound of the variational kind; the other kinds have no likelihood."""
        return "evidence_lower_bound" if self.kind == "variational" else None

    @classmethod
    def preset(cls, name: str, given: Circumstances) -> dict[str, Any]:
        """Name the fields in which a preset departs from the defaults."""
        private = {"remainder_size": 16} if given.private else {}
        if name == "tiny":
            return {
                "num_latents": 8,
                "width": 16,
                "patch_size": 8,
                "batch_size": 16,
                **private,
            }
        if given.private:
            private["num_latents"] = 32
        return private | ({"patch_size": 8} if given.image_size > 128 else {})


class Sampler(FamilySampler):
    """How a trained variational autoencoder draws its images."""

    name: Literal["mixture", "prior"] = Field(
        "mixture",
        description="Draw latents from the density fitted to the images of the class (mixture) or "
        "from the standard normal distribution (prior).",
    )
    temperature: float = Field(
        1.0,
        ge=0,
        le=2,
        description="Multiplies the spread of the latents: below 1 the images are more typical and "
        "less varied.",
    )
    grain: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How much of what the decoder leaves out is added as noise from pixel to "
        "pixel: 0 shows the expected image, 1 gives images their whole variance.",
    )
