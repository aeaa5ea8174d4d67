"""Hyper-parameters of probabilistic principal component analysis; imports no torch."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from models.config import Circumstances, FamilyConfig, FamilySampler, LikelihoodScore


class Config(FamilyConfig):
    """A Gaussian of few directions for each class, fitted in closed form."""

    max_components: int = Field(
        64,
        ge=1,
        le=256,
        description="Most principal components. Fewer are used where held-out patients of the "
        "training split are more likely under fewer.",
    )
    images_per_component: int = Field(
        64,
        ge=4,
        le=100_000,
        description="Training images for each component, at least: a component of few images shows "
        "these very images. Of a class's mean one coordinate is fitted for a quarter as many of "
        "its images.",
    )

    def likelihood_score(self) -> LikelihoodScore:
        """Name the likelihood, which is exact."""
        return "log_likelihood"

    @property
    def images_per_mean_coordinate(self) -> int:
        """Images of a class that each coordinate of its mean stands for."""
        return max(1, self.images_per_component // 4)

    @classmethod
    def preset(cls, name: str, given: Circumstances) -> dict[str, Any]:  # noqa: ARG003
        """Name the fields in which a preset departs from the defaults."""
        return {"max_components": 8} if name == "tiny" else {}


class Sampler(FamilySampler):
    """How a fitted model draws its images."""

    name: Literal["gaussian"] = Field(
        "gaussian", description="Draw from the density of the class; there is no other way."
    )
    temperature: float = Field(
        1.0,
        ge=0,
        le=2,
        description="Multiplies the spread along the components: below 1 the images are more "
        "typical and less varied.",
    )
    grain: float = Field(
        0.5,
        ge=0,
        le=1,
        description="How much of what the components leave out is added as noise from pixel to "
        "pixel: 1 draws from the density whose likelihood is stated, 0 shows smooth images.",
    )
