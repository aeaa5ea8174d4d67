"""Hyper-parameters of the generative adversarial network; imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from models.config import Circumstances, FamilyConfig, FamilySampler

PRIOR_UPDATES = 2500
PRIOR_UPDATES_PER_SECOND = 6  # of a budget: a third to three quarters of its time on one core
MIN_PRIOR_UPDATES = 100
PRIOR_SHARE = 0.6  # of a budget in seconds, at most, on a processor that is slow or shared
UNPENALISED: dict[str, Any] = {"penalty": 0.0}
FITTED: dict[str, dict[str, Any]] = {
    "r3gan": {},
    "bce": UNPENALISED,
    "lsgan": UNPENALISED,
    "hinge": UNPENALISED,
    # Arjovsky et al. 2017, algorithm 1 (arXiv:1701.07875)
    "wgan": {
        **UNPENALISED,
        "discriminator_updates": 5,
        "weight_bound": 0.01,
        "generator_learning_rate": 5e-5,
        "discriminator_learning_rate": 5e-5,
    },
    # Gulrajani et al. 2017, algorithm 1 (arXiv:1704.00028)
    "wgan_gp": {
        "penalty": 10.0,
        "penalised_share": 1.0,
        "discriminator_updates": 5,
        "generator_learning_rate": 1e-4,
        "discriminator_learning_rate": 1e-4,
    },
}


class Config(FamilyConfig):
    """A class-conditional adversarial pair; by default with a relativistic loss.

    What an objective's paper chooses differently (`FITTED`) takes the place of the defaults below,
    wherever a field is not given.
    """

    starts_warm: ClassVar = True
    passes_before_memorisation: ClassVar = 15.0

    objective: Literal["bce", "lsgan", "wgan", "wgan_gp", "hinge", "r3gan"] = Field(
        "r3gan",
        description="What the two networks minimise: the first GAN's cross entropy, least squares, "
        "Wasserstein with clipped weights or with a gradient penalty, hinge, or relativistic "
        "pairing. bce, lsgan and hinge begin without a gradient penalty; wgan with 5 updates of "
        "the discriminator, weights within 0.01 and learning rates of 5e-5; wgan_gp with 5 "
        "updates, penalty 10 and learning rates of 1e-4.",
    )
    conditioning: Literal["projection", "k_plus_1", "auxiliary"] = Field(
        "projection",
        description="How the discriminator hears the class: by projection on its features, by "
        "naming one of the K classes or, as one more, synthetic, or by naming the class beside a "
        "verdict that does not know it (with objective bce: AC-GAN).",
    )
    num_latents: int = Field(
        192,
        ge=2,
        le=512,
        description="Principal components, of slightly changed images, that a draft is made of.",
    )
    prior_width: int = Field(
        384,
        ge=8,
        le=1024,
        multiple_of=8,
        description="Width of the flow that draws the drafts of a class.",
    )
    prior_updates: int = Field(
        PRIOR_UPDATES,
        ge=1,
        le=100_000,
        description="Updates of that flow before the adversarial training, at most 600 passes over "
        "the images; 2,500 take 200 to 330 s of one core.",
    )
    prior_seconds: float | None = Field(
        None,
        gt=0,
        description="Seconds that these updates may take: where they prove slower, there are "
        "fewer. null is no limit.",
    )
    prior_guidance: float = Field(
        0.7,
        ge=0,
        le=2,
        description="How far drafts are drawn away from what all classes have in common; 0 not at "
        "all. It makes up for what a flow that stops early has not learnt of the classes.",
    )
    num_noise_maps: int = Field(
        0,
        ge=0,
        le=16,
        description="Maps of noise that the generator may make texture from, beside the draft.",
    )
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
        1.0,
        ge=0,
        le=1000,
        description="Weight gamma of the zero-centred gradient penalties R1 and R2; with wgan_gp, "
        "lambda of its penalty; 0 for none.",
    )
    penalised_share: float = Field(
        0.125,
        gt=0,
        le=1,
        description="Share of each batch on which the penalties are computed: they cost more than "
        "the loss itself.",
    )
    weight_bound: float | None = Field(
        None,
        gt=0,
        le=10,
        description="Largest size of any of the discriminator's weights, which are clipped to it; "
        "null for none.",
    )
    discriminator_updates: int = Field(
        1, ge=1, le=20, description="Updates of the discriminator to one of the generator."
    )
    augmentation: Annotated[float, Field(ge=0, le=1)] | Literal["adaptive"] = Field(
        0.8,
        description="Probability that each change (small turn, shift, brightness, contrast, "
        "cut-out) is made to an image before the discriminator sees it; real and synthetic alike, "
        "never a flip. Or adaptive: as much as keeps the discriminator from memorising the real "
        "images.",
    )
    augmentation_target: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Where adaptive augmentation holds the mean sign of the discriminator's "
        "verdicts on real images: 0 when it guesses, 1 when it is always right.",
    )
    augmentation_images: int = Field(
        20_000,
        ge=1,
        le=10_000_000,
        description="Real images on one side of the target that take adaptive augmentation from "
        "never to always.",
    )
    batch_size: int = Field(32, ge=2, le=1024, description="Images in a batch.")
    generator_learning_rate: float = Field(
        4e-4, gt=0, le=0.1, description="Highest step size of the generator."
    )
    discriminator_learning_rate: float = Field(
        4e-4, gt=0, le=0.1, description="Highest step size of the discriminator."
    )
    ema_relative_std: float = Field(
        0.05,
        gt=0,
        lt=0.29,
        description="Width of the average of the generator's weights, relative to the training's "
        "length.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fit_to_objective(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        objective = given.get("objective", "r3gan")
        return {**(FITTED.get(objective, {}) if isinstance(objective, str) else {}), **given}

    @classmethod
    def preset(cls, name: str, given: Circumstances) -> dict[str, Any]:
        """Name the fields in which a preset departs from the defaults."""
        if name == "tiny":
            return {
                "num_latents": 8,
                "prior_width": 16,
                "prior_updates": 20,
                "generator_width": 16,
                "discriminator_width": 16,
                "patch_size": 8,
                "batch_size": 16,
            }
        fields: dict[str, Any] = {"patch_size": 8} if given.image_size > 128 else {}
        if given.device == "cpu" and given.budget_seconds is not None:
            affordable = int(PRIOR_UPDATES_PER_SECOND * given.budget_seconds)
            fields["prior_updates"] = min(PRIOR_UPDATES, max(MIN_PRIOR_UPDATES, affordable))
            fields["prior_seconds"] = PRIOR_SHARE * given.budget_seconds
        return fields


class Sampler(FamilySampler):
    """How a trained adversarial network draws its images."""

    name: Literal["latent"] = Field(
        "latent", description="Draw a draft of the class by its flow, and finish it."
    )
    truncation: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Spread of the noise that drafts are drawn from: below 1 the images are more "
        "typical and less varied; at 0 each class has one image.",
    )
