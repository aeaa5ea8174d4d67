"""Which trainings can be carried out: the body of `POST /train` and the rules behind it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, ValidationError, model_validator

from models import presets, registry
from models.config import Circumstances
from service.context import AppContext
from service.domain import errors
from service.domain.records import Dataset, DatasetState
from service.domain.requests import Privacy, PrivacyTerms, TrainingBudget, TrainRequest
from service.examples import DATASET_ID
from service.validation.bodies import (
    Id,
    ImageSize,
    Labels,
    Options,
    Seed,
    Strict,
    fields_at,
    of_any_family,
)
from service.validation.init_from import InitFrom, resolved_init_from
from service.validation.memorisation import bounded_budget
from service.validation.upscaling import check_upscaling

TRAINED_SHARE = 0.72  # of a dataset's images, about, as radiographs.splits divides them
LARGEST_TRAINED = 256  # pixels; a second stage enlarges beyond
BUDGETS = {"images": (1, 1_000_000_000), "seconds": (5, 86_400)}


class BudgetBody(Strict):
    """How long to train: exactly one of images and seconds, and perhaps what ends it before.

    `ppca` is fitted in closed form all the same.
    """

    images: int | None = Field(None, description="Images to see, with repetition; 1 to 10^9.")
    seconds: int | None = Field(None, description="Wall-clock time; 5 to 86,400.")
    until: Literal["memorisation"] | None = Field(
        None,
        description="memorisation: end earlier if the model is about to memorise its images. By "
        "default so for private datasets of up to 2,000 training images, which cannot be trained "
        "on for longer. docs/memorisation.md.",
    )

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.images is None) == (self.seconds is None):
            raise ValueError("Give exactly one of images and seconds: the most, if there is until.")
        return self


class DifferentialPrivacyBody(Strict):
    """A bound on what a model discloses about any one patient; docs/differential-privacy.md."""

    epsilon: float = Field(
        ge=0.1,
        le=10,
        description="Privacy loss: whether one patient's image was trained on changes the odds of "
        "any result by at most exp(epsilon), except with probability delta. Less is more private.",
    )
    delta: float | None = Field(
        None,
        gt=0,
        le=0.001,
        description="At most 1 / images; by default 1 / (10 patients that are trained on).",
    )
    max_grad_norm: float = Field(
        1.0,
        ge=0.1,
        le=10,
        description="Bounds what one patient can change. For mixture: latents are clipped at so "
        "many times the radius that holds nine in ten of the public images. For dp_sgd: gradients "
        "are clipped at so many times the median norm of those of public images.",
    )
    method: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        None,
        description="mixture (vae): an autoencoder trained on phantoms alone, and noisy moments "
        "of each class's latents. dp_sgd (ldm): a model trained on phantoms, and then by noisy "
        "gradients of the private images. By default the one that the family has.",
    )


class PrivacyBody(Strict):
    """What is promised to the patients behind the images."""

    differential_privacy: DifferentialPrivacyBody


class TrainBody(Strict):
    """A training."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": DATASET_ID,
                    "family": "ldm",
                    "image_size": 64,
                    "budget": {"seconds": 240},
                    "seed": 1,
                }
            ]
        }
    )

    dataset_id: Id
    family: Annotated[str, StringConstraints(max_length=40)] = Field(
        description="vae, gan, ldm or ppca."
    )
    image_size: ImageSize | None = Field(
        None,
        description="By default the dataset's own, at most 256. Where the dataset has 512, `ldm` "
        "at 256 also trains the stage that `upscale: 512` of a set needs (`upscale_share`).",
    )
    preset: Annotated[str, StringConstraints(max_length=40)] = Field(
        "standard", description="What the config starts from: standard, or tiny for trials."
    )
    config: Options = Field(
        default_factory=dict,
        description="Hyper-parameters that replace the preset's.",
        json_schema_extra=of_any_family(registry.config_class),
    )
    budget: BudgetBody
    num_devices: int = Field(
        1,
        ge=1,
        le=64,
        description="GPUs that share each batch, a process for each; on a worker without GPUs up "
        "to 4 processes.",
    )
    seed: Seed = 0
    privacy: PrivacyBody | None = Field(
        None, description="By default nothing is promised by construction: the gate tests."
    )
    init_from: InitFrom | None = Field(
        None,
        description="Start from the weights of a model of the same family (mdl_...), or of a base "
        "that learned from phantoms alone: base chooses one, base:ldm-64 names it. With "
        "differential privacy only from what learned from public images alone.",
    )
    labels: Labels = Field(default_factory=dict)


def complete(context: AppContext, body: TrainBody) -> TrainRequest:
    """Check a training against its dataset and its family, and complete it by every default.

    Raises:
        NotFound, Conflict, InvalidRequest: See the error tree.
    """
    dataset = ready_dataset(context, body.dataset_id)
    image_size = available_image_size(dataset, body.image_size)
    budget = checked_budget(body.budget, private=body.privacy is not None)
    privacy = None
    if body.privacy:
        terms = resolved_privacy(body.family, body.privacy.differential_privacy, dataset)
        privacy = Privacy(terms)
    init_from = None
    if body.init_from is not None:
        check_family(body.family)
        init_from = resolved_init_from(
            context, body.init_from, body.family, image_size, private=privacy is not None
        )
    given = circumstances(context, dataset, image_size, budget, private=privacy is not None)
    config = resolved_config(body.family, body.preset, body.config, given)
    check_upscaling(body.family, config, dataset, image_size)
    check_shards(body.num_devices, config)
    if privacy is None:
        budget = bounded_budget(
            context, budget, dataset, given.num_images or 0, (body.family, config), init_from
        )
    return TrainRequest(
        dataset_id=dataset.id,
        family=body.family,
        image_size=image_size,
        preset=body.preset,
        config=config,
        budget=budget,
        seed=body.seed,
        num_devices=body.num_devices,
        privacy=privacy,
        init_from=init_from,
    )


def ready_dataset(context: AppContext, dataset_id: str) -> Dataset:
    """Return a dataset that can be trained on."""
    dataset = context.records.catalog.dataset(dataset_id)
    if dataset.state is DatasetState.INGESTING:
        raise errors.DatasetNotReady(
            f"Dataset {dataset_id} is still being ingested. Wait for job {dataset.job_id}."
        )
    if dataset.state is DatasetState.FAILED:
        raise errors.DatasetFailed(
            f"The ingest of dataset {dataset_id} did not succeed. Job {dataset.job_id} says why; "
            "retry it, or add the dataset again."
        )
    return dataset


def available_image_size(dataset: Dataset, wanted: int | None) -> int:
    """Return the size wanted, or the stored one; pixels must average evenly down to it."""
    stored = dataset.image_size or 0
    image_size = wanted or min(stored, LARGEST_TRAINED)
    if image_size > stored or stored % image_size:
        raise errors.ImageSizeUnavailable.at(
            "/image_size",
            f"Dataset {dataset.id} is stored at {stored} pixels and cannot give {image_size}. "
            "Choose a size that divides it, or ingest the images again at a larger image_size.",
        )
    return image_size


def checked_budget(body: BudgetBody, *, private: bool = False) -> TrainingBudget:
    """Return a budget that is neither too short to mean anything nor unlimited.

    Args:
        body: What the client gave.
        private: Whether the training is to be differentially private.
    """
    budget = TrainingBudget(body.images, body.seconds, body.until)
    if private and budget.until:
        raise errors.BudgetOutOfRange.at(
            "/budget/until",
            "With differential privacy the budget is for public images, which may be memorised, "
            "and what is learned of private ones is bounded by epsilon. Leave until out.",
        )
    for measure, amount in (("images", budget.images), ("seconds", budget.seconds)):
        low, high = BUDGETS[measure]
        if amount is not None and not low <= amount <= high:
            raise errors.BudgetOutOfRange.at(
                f"/budget/{measure}",
                f"Choose {low:,} to {high:,} {measure}; {amount:,} is outside.",
            )
    return budget


def circumstances(
    context: AppContext,
    dataset: Dataset,
    image_size: int,
    budget: TrainingBudget,
    *,
    private: bool = False,
) -> Circumstances:
    """Describe what a preset is chosen for; a private one may not depend on the images' number."""
    return Circumstances(
        image_size=image_size,
        num_images=None if private else round(TRAINED_SHARE * _num_images(dataset)),
        device=context.train_device,
        budget_images=budget.images,
        budget_seconds=budget.seconds,
        private=private,
        stored_size=dataset.image_size,
    )


def resolved_config(
    family: str, preset: str, overrides: Mapping[str, Any], given: Circumstances
) -> dict[str, Any]:
    """Complete what the client gave to the full hyper-parameters of a family."""
    check_family(family)
    if preset not in presets.PRESETS:
        known = ", ".join(presets.PRESETS)
        raise errors.UnknownPreset.at("/preset", f"No preset {preset!r}; there are {known}.")
    try:
        config = presets.resolve_config(family, preset, overrides, given)
    except ValidationError as error:
        raise errors.InvalidConfig(
            f"The config does not fit family {family}.", fields=fields_at("/config", error)
        ) from error
    if given.private:
        try:
            config.check_private()
        except ValueError as error:
            raise errors.PrivacyUnavailable.at("/config", str(error)) from error
    return config.model_dump(mode="json")


def check_shards(num_devices: int, config: Mapping[str, Any]) -> None:
    """Raise InvalidConfig unless each device gets an image of every batch."""
    smallest = min(
        (size for name, size in config.items() if name.endswith("batch_size")), default=num_devices
    )
    if num_devices > smallest:
        raise errors.InvalidConfig.at(
            "/num_devices",
            f"A batch of {smallest} images cannot be shared by {num_devices} devices.",
        )


def check_family(family: str) -> None:
    """Raise UnknownFamily unless a family is registered."""
    if family not in registry.FAMILIES:
        known = ", ".join(registry.FAMILIES)
        raise errors.UnknownFamily.at("/family", f"No family {family!r}; there are {known}.")


def resolved_privacy(family: str, body: DifferentialPrivacyBody, dataset: Dataset) -> PrivacyTerms:
    """Complete the terms of differential privacy; the family must be able to keep them."""
    check_family(family)
    methods = registry.config_class(family).private_methods
    method = body.method or next(iter(methods), None)
    if method is None or method not in methods:
        possible = ", ".join(
            f"{name} by {' or '.join(ways)}"
            for name in registry.FAMILIES
            if (ways := registry.config_class(name).private_methods)
        )
        field = "/method" if methods else ""
        raise errors.PrivacyUnavailable.at(
            f"/privacy/differential_privacy{field}",
            f"Family {family} cannot be trained with differential privacy"
            f"{f' by {method!r}' if method else ''}. What can be: {possible}.",
        )
    num_images = _num_images(dataset)
    if body.delta is not None and body.delta * num_images > 1:
        raise errors.PrivacyUnavailable.at(
            "/privacy/differential_privacy/delta",
            f"With {num_images:,} images, a delta above {1 / num_images:.2g} would permit a "
            "mechanism that discloses a full record. Leave it out, or choose less.",
        )
    return PrivacyTerms(body.epsilon, body.delta, body.max_grad_norm, method)


def _num_images(dataset: Dataset) -> int:
    """Count a dataset's images: how many of them models train on is not public."""
    return sum(split.images for split in dataset.classes.values())
