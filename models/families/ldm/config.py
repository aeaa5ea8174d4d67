"""Hyper-parameters of latent diffusion; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from models.config import Circumstances, FamilyConfig, FamilySampler, LikelihoodScore
from models.families.ldm.presets import standard_fields

SMALLEST_IMAGE = 64  # pixels
DEFAULT_STEPS = 8
DEFAULT_FAST_STEPS = MAX_FAST_STEPS = 4
Width = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]
PathName = Literal["straight", "linear", "cosine", "edm"]
PredictionName = Literal["velocity", "epsilon", "x0", "v", "preconditioned"]
# the velocity of linear and cosine is without bound at the image; epsilon does not give the
# image at the end of the straight path; edm is defined by its own preconditioning
PREDICTIONS_ON: dict[PathName, tuple[PredictionName, ...]] = {
    "straight": ("velocity", "x0", "v"),
    "linear": ("epsilon", "x0", "v"),
    "cosine": ("epsilon", "x0", "v"),
    "edm": ("preconditioned",),
}

LARGEST_IMAGE = 256  # pixels; a second stage enlarges beyond
UPSCALE_SHARE = 0.15  # of the budget, where the dataset has images for that stage


class Config(FamilyConfig):
    """Hyper-parameters of latent diffusion."""

    private_methods: ClassVar = ("dp_sgd",)
    starts_warm: ClassVar = True
    passes_before_memorisation: ClassVar = 15.0

    space: Literal["latent", "pixel"] = Field(
        "latent",
        description="Where diffusion works: in the latents of an autoencoder, or on the pixels "
        "themselves, which takes many times longer and leaves the autoencoder out.",
    )
    patch_size: Literal[1, 2, 4, 8, 16] = Field(
        4,
        description="Side in pixels of the patches that become one place of the latents; in pixel "
        "space a patch keeps all its pixels, and 1 is diffusion as DDPM has it.",
    )
    latent_channels: int = Field(
        8, ge=1, le=64, description="Latents kept of each patch; unused in pixel space."
    )
    autoencoder_channels: Width = Field(96, description="Width of the autoencoder.")
    autoencoder_blocks: int = Field(
        2, ge=0, le=8, description="Residual blocks in each half of the autoencoder."
    )
    autoencoder_share: float = Field(
        0.1, gt=0, lt=1, description="Part of the training budget the autoencoder takes."
    )
    autoencoder_batch_size: int = Field(
        32, ge=1, le=4096, description="Images in a batch of the autoencoder's training."
    )
    autoencoder_learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="AdamW's peak step size for the autoencoder."
    )
    gradient_weight: float = Field(
        1.0, ge=0, le=100, description="Weight of the difference of edges beside that of pixels."
    )
    ms_ssim_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of 1 - MS-SSIM beside the difference of pixels."
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
    augmentation: float = Field(
        0.0,
        ge=0,
        le=4,
        description="How far each image is turned, zoomed, shifted and changed in its grey levels "
        "before the denoiser sees it, in units of changes that leave it about as likely; the "
        "denoiser is conditioned on them, so that samples have none. It memorises less of each.",
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Share of features dropped in training.")
    class_dropout: float = Field(
        0.1, gt=0, lt=1, description="Share of labels dropped in training; guidance needs some."
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
    batch_size: int = Field(32, ge=1, le=4096, description="Images in a batch of the denoiser.")
    learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="AdamW's peak step size for the denoiser."
    )
    ema_relative_std: float = Field(
        0.05, gt=0, lt=0.29, description="Width of the weights' average, as part of the training."
    )

    autoguidance: bool = Field(
        False,
        description="Keep an early snapshot of the denoiser, which guidance then leads away from "
        "by default (the sampler's `guidance_by`).",
    )
    classifier_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Part of the training budget for a classifier of noisy latents, which "
        "`classifier_guidance` needs; 0 trains none.",
    )
    fast_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Part of the training budget for the student that the `fast` sampler needs; "
        "0 trains none.",
    )
    upscale_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Part of the training budget for the stage that enlarges images to twice their "
        "size, which `upscale` needs; 0 trains none. The dataset must have images so large.",
    )
    upscaler_channels: Width = Field(64, description="Width of the network that enlarges.")
    upscaler_blocks: int = Field(
        4, ge=1, le=16, description="Residual blocks of the network that enlarges."
    )
    upscaler_batch_size: int = Field(
        8, ge=1, le=4096, description="Parts of images in a batch of that network's training."
    )
    private_updates: int = Field(
        200,
        ge=1,
        le=1_000_000,
        description="With differential privacy: steps of noisy gradients, after the budget. More "
        "steps need more noise in each.",
    )
    private_batch_size: int = Field(
        256,
        ge=1,
        le=1_000_000,
        description="With differential privacy: patients in a batch on average, sampled at random; "
        "all of them where there are fewer. A large batch drowns the noise.",
    )
    private_draws: int = Field(
        4,
        ge=1,
        le=256,
        description="With differential privacy: levels of noise at which each image of a batch is "
        "seen, at no cost of privacy.",
    )
    private_learning_rate: float = Field(
        1e-3, gt=0, le=0.1, description="With differential privacy: AdamW's peak step size."
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if self.space == "latent" and self.latent_channels > self.patch_size**2:
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
    def _check_shares(self) -> Self:
        if self.denoiser_share <= 0:
            raise ValueError(
                "autoencoder_share, classifier_share, fast_share and upscale_share leave nothing "
                "of the training budget to the denoiser: expected a sum below 1."
            )
        return self

    def likelihood_score(self) -> LikelihoodScore:
        """Name the denoising score."""
        return "denoising_score"

    def upscaled_size(self, image_size: int) -> int | None:
        """Name twice the size, where a stage was trained for it."""
        return 2 * image_size if self.upscale_share else None

    def check_private(self) -> None:
        """Insist that nothing is asked for that would have to learn the classes from images."""
        for field in ("classifier_share", "fast_share", "upscale_share"):
            if getattr(self, field):
                raise ValueError(
                    f"{field} trains a network on public images alone, whose labels say nothing: "
                    "with differential privacy expected 0."
                )

    @property
    def denoiser_share(self) -> float:
        """Part of the training budget that is left to the denoiser."""
        autoencoder = self.autoencoder_share if self.space == "latent" else 0.0
        return 1 - autoencoder - self.classifier_share - self.fast_share - self.upscale_share

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
                **_upscaling(given),
                "upscaler_channels": 8,
                "upscaler_blocks": 1,
            }
        return {**standard_fields(given), **_upscaling(given)}


def _upscaling(given: Circumstances) -> dict[str, Any]:
    """Train the stage that enlarges the largest images, where there are images for it."""
    reaches = (given.stored_size or 0) >= 2 * LARGEST_IMAGE
    trains = reaches and given.image_size == LARGEST_IMAGE and not given.private
    return {"upscale_share": UPSCALE_SHARE} if trains else {}


class Sampler(FamilySampler):
    """How latent diffusion draws its images."""

    name: Literal["euler", "heun", "dpm_solver", "ddim", "exponential", "ancestral", "fast"] = (
        Field(
            "exponential",
            description="Orders 1, 2, 2, 1, 1 and, with fresh noise in every step, 1; heun asks "
            "the denoiser twice a step, the others once. exponential solves exactly what is normal "
            "in the data, and needs the fewest steps; ddim in few steps leaves images too little "
            "contrast. fast asks a student, of a model trained with `fast_share`.",
        )
    )
    num_steps: int = Field(
        DEFAULT_STEPS,
        ge=1,
        le=1000,
        description=f"Steps from noise to image; with fast at most {MAX_FAST_STEPS}, and "
        f"{DEFAULT_FAST_STEPS} where nothing is said.",
    )
    guidance: float = Field(
        1.3,
        ge=1,
        le=20,
        description="1 follows the class alone; more exaggerates its signs. fast takes no notice "
        "of this nor of the options below: its student has learnt the defaults.",
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

    guidance_by: Literal["no_class", "early_snapshot", "early_no_class"] | None = Field(
        None,
        description="What guidance leads away from: images of no class; the denoiser as it was "
        "early in a training with `autoguidance`; or both, the early denoiser's images of no "
        "class. null is both, and no_class where the model was trained without `autoguidance`.",
    )
    classifier_guidance: float = Field(
        0.0,
        ge=0,
        le=100,
        description="How far to follow a classifier of noisy latents, of a model trained with "
        "`classifier_share`; 0 is not at all.",
    )

    @model_validator(mode="before")
    @classmethod
    def _few_steps_if_fast(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("name") == "fast":
            return {"num_steps": DEFAULT_FAST_STEPS, **given}
        return given

    @model_validator(mode="after")
    def _check_fast_steps(self) -> Self:
        if self.name == "fast" and self.num_steps > MAX_FAST_STEPS:
            raise ValueError(
                f"num_steps is {self.num_steps}: expected at most {MAX_FAST_STEPS} with 'fast', "
                "or another sampler."
            )
        return self

    @model_validator(mode="after")
    def _check_interval(self) -> Self:
        if self.guidance_from > self.guidance_to:
            raise ValueError(
                f"guidance_from is {self.guidance_from} and guidance_to {self.guidance_to}: "
                "expected the first to be the smaller."
            )
        return self

    def check_model(self, config: Mapping[str, Any]) -> None:
        """Insist that a model was trained with what these options need."""
        needed = {
            "fast_share": self.name == "fast" and "name 'fast'",
            "autoguidance": self.guidance_by in ("early_snapshot", "early_no_class")
            and f"guidance_by {self.guidance_by!r}",
            "classifier_share": self.classifier_guidance > 0 and "classifier_guidance",
        }
        for field, asked in needed.items():
            if asked and not config.get(field):
                raise ValueError(
                    f"{asked} needs a model trained with `{field}`, and this one was not: choose "
                    "another, or train a model with it."
                )
