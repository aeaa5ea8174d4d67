"""What the configuration of every family has in common; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

# What a model says of how likely an image is: exactly; bounded from below; or by how well it
# removes noise from it.
LikelihoodScore = Literal["log_likelihood", "evidence_lower_bound", "denoising_score"]


class Frozen(BaseModel):
    """A frozen, strict set of hyper-parameters: unknown names and wrong types are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Circumstances:
    """What a preset is chosen for; what is not known stays None and changes nothing.

    Attributes:
        image_size: Side of the square training images, in pixels.
        num_images: Images of the training set.
        device: The kind of device that trains.
        budget_images: Training images to see, where the budget is in images.
        budget_seconds: Wall-clock time to train, where the budget is in seconds.
        private: Whether the model is to be differentially private.
        stored_size: Side at which the dataset has the images, in pixels.
    """

    image_size: int
    num_images: int | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    budget_images: int | None = None
    budget_seconds: float | None = None
    private: bool = False
    stored_size: int | None = None


class FamilyConfig(Frozen):
    """Hyper-parameters of one family, checked when built and stored with the weights.

    Attributes:
        private_methods: How its models can be trained with differential privacy, by name; each
            accounts for all that is in the snapshot, since such weights can be released unaudited.
        starts_warm: Whether a training can start from another model's weights.
        passes_before_memorisation: How often a training may see each image on average before the
            model distinguishes them from others; None where that does not depend on it.
    """

    private_methods: ClassVar[tuple[str, ...]] = ()
    starts_warm: ClassVar[bool] = False
    passes_before_memorisation: ClassVar[float | None] = None

    def check_private(self) -> None:
        """Insist that a training with differential privacy can do all of this.

        Raises:
            ValueError: It cannot; the message names the field.
        """

    def upscaled_size(self, image_size: int) -> int | None:  # noqa: ARG002
        """Name the larger size to which its models can enlarge what they draw; None where none.

        Args:
            image_size: Side of the images they draw, in pixels.
        """
        return None

    def likelihood_score(self) -> LikelihoodScore | None:
        """Name what its models say of how likely an image is; None where they say nothing."""
        return None

    @classmethod
    def preset(cls, name: str, given: Circumstances) -> dict[str, Any]:  # noqa: ARG003
        """Name the fields in which a preset departs from the defaults.

        Args:
            name: A name in `models.presets.PRESETS`.
            given: The size and the number of images, device and budget to choose for.
        """
        return {}


class FamilySampler(Frozen):
    """How a trained model of one family draws its images."""

    def check_model(self, config: Mapping[str, Any]) -> None:
        """Insist that a model was trained with what these options need.

        Args:
            config: The model's hyper-parameters, as `FamilyConfig.model_dump` gives them.

        Raises:
            ValueError: It was not; the message names the field of the config.
        """
