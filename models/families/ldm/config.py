"""Hyper-parameters of latent diffusion; imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from models.config import Circumstances, FamilyConfig, FamilySampler

SMALLEST_IMAGE = 64  # pixels
Width = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]
PathName = Literal["straight", "linear", "cosine", "edm"]
PredictionName = Literal["velocity", "epsilon", "x0", "v", "preconditioned"]
# the velocity of linear and cosine is without bound at the image; epsilon does not tell the image
# at the end of the straight path; edm is defined by its own preconditioning
PREDICTIONS_ON: dict[PathName, tuple[PredictionName, ...]] = {
    "straight": ("velocity", "x0", "v"),
    "linear": ("epsilon", "x0", "v"),
    "cosine": ("epsilon", "x0", "v"),
    "edm": ("preconditioned",),
}


class Config(FamilyConfig):
    """Hyper-parameters of latent diffusion."""

    patch_size: Literal[4, 8, 16] = Field(
        4, description="Side in pixels of the patches that become one place of the latents."
    )
    latent_channels: int = Field(8, ge=1, le=64, description="Latents kept of each patch.")
    autoencoder_channels: Width = Field(96, description="Width of the autoencoder.")
    autoencoder_blocks: int = Field(
        2, ge=0, le=8, description="Residual blocks in each half of the autoencoder."
    )
    autoencoder_share: float = Field(
        0.1, gt=0, lt=1, description="Part of the training budget the autoencoder takes."
    )
    autoencoder_batch_size: int = Field(
        32, ge=1, le=4096, description="Films in a batch of the autoencoder's training."
    )
    autoencoder_learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="AdamW's peak step size for the autoencoder."
    )
    gradient_weight: float = Field(
        1.0, ge=0, le=100, description="Weight of the difference of edges beside that of pixels."
    )
    kl_weight: float = Field(
        1e-4, ge=0, le=1, description="Weight of the latents' divergence from a normal."
    )
    whitening: float = Field(
        0.5,
        ge=0,
        le=1,
        description="1 gives all latent channels one variance, 0 leaves them that of the pixels.",
    )
    gaussian_components: int = Field(
        128,
        ge=1,
        le=1024,
        description="Principal components of the latents in the linear denoiser that the network "
        "corrects; at most half as many as there are latents.",
    )
    denoiser_channels: tuple[Width, ...] = Field(
        (64, 128, 256),
        min_length=1,
        max_length=4,
        strict=False,
        description="Width of the denoiser at each resolution, the finest first.",
    )
    denoiser_blocks: int = Field(
        1, ge=1, le=8, description="Residual blocks of the denoiser at each resolution."
    )
    max_attention_size: int = Field(
        8, ge=0, le=64, description="Largest side of the latents at which attention is used."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of features dropped in training.")
    class_dropout: float = Field(
        0.1, ge=0, lt=1, description="Share of labels dropped in training; guidance needs some."
    )
    path: PathName = Field(
        "straight",
        description="How an image becomes noise: straight (flow matching), linear (DDPM), cosine "
        "(Nichol & Dhariwal 2021) or edm (Karras et al. 2022).",
    )
    prediction: PredictionName = Field(
        "velocity",
        description="What the denoiser predicts: velocity, x0 or v on the straight path; epsilon, "
        "x0 or v on linear and cosine; preconditioned on edm.",
    )
    times: Literal["logit_normal", "uniform"] = Field(
        "logit_normal", description="How the times of training are spread over the path."
    )
    time_mean: float = Field(
        0.0,
        ge=-4,
        le=4,
        description="Mean of the logit of training times (on edm, of ln sigma); above 0 is "
        "noisier. Unused with uniform times.",
    )
    time_std: float = Field(
        1.0, gt=0, le=4, description="Standard deviation of that logit. Unused with uniform times."
    )
    batch_size: int = Field(16, ge=1, le=4096, description="Films in a batch of the denoiser.")
    learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="AdamW's peak step size for the denoiser."
    )
    ema_relative_std: float = Field(
        0.05, gt=0, lt=0.29, description="Width of the weights' average, as part of the training."
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.latent_channels > self.patch_size**2:
            raise ValueError(
                f"latent_channels is {self.latent_channels}, but a patch of side {self.patch_size} "
                f"has {self.patch_size**2} pixels: expected at most as many latents."
            )
        side = SMALLEST_IMAGE // self.patch_size
        if side < 2 ** (len(self.denoiser_channels) - 1):
            raise ValueError(
                f"denoiser_channels halves the latents {len(self.denoiser_channels) - 1} times, "
                f"but their side may be {side}: expected fewer widths or a smaller patch_size."
            )
        return self

    @model_validator(mode="after")
    def _check_prediction(self) -> Self:
        possible = PREDICTIONS_ON[self.path]
        if self.prediction not in possible:
            raise ValueError(
                f"prediction is {self.prediction!r}, which path {self.path!r} cannot be sampled "
                f"from: expected {' or '.join(map(repr, possible))}."
            )
        return self

    @classmethod
    def preset(cls, name: str, given: Circumstances) -> dict[str, Any]:
        """Name the fields in which a preset departs from the defaults."""
        if name == "tiny":
            return {
                "patch_size": max(4, given.image_size // 16),
                "autoencoder_channels": 8,
                "autoencoder_blocks": 1,
                "autoencoder_batch_size": 8,
                "gaussian_components": 8,
                "denoiser_channels": (8, 16),
                "batch_size": 8,
            }
        if given.image_size == 128:
            return {"patch_size": 8, "latent_channels": 16}
        if given.image_size == 256:
            return {
                "patch_size": 8,
                "latent_channels": 16,
                "autoencoder_batch_size": 16,
                "denoiser_channels": (64, 128, 256, 256),
                "batch_size": 16,
            }
        return {}


class Sampler(FamilySampler):
    """How latent diffusion draws its images."""

    name: Literal["euler", "heun", "dpm_solver", "ddim", "ancestral"] = Field(
        "dpm_solver",
        description="Orders 1, 2, 2, 1 and, with fresh noise in every step, 1; Heun asks the "
        "denoiser twice a step, the others once.",
    )
    num_steps: int = Field(20, ge=1, le=1000, description="Steps from noise to image.")
    guidance: float = Field(
        1.5, ge=1, le=20, description="1 follows the class alone; more exaggerates its signs."
    )
    guidance_from: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Least share of noise, sigma / (alpha + sigma), at which guidance acts; "
        "steps outside take half the time.",
    )
    guidance_to: float = Field(
        1.0, ge=0, le=1, description="Greatest share of noise at which guidance acts."
    )

    @model_validator(mode="after")
    def _check_interval(self) -> Self:
        if self.guidance_from > self.guidance_to:
            raise ValueError(
                f"guidance_from is {self.guidance_from} and guidance_to {self.guidance_to}: "
                "expected the first to be the smaller."
            )
        return self
