"""Which sets can be generated: the body of `POST /generate` and the rules behind it."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Self, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from models import registry
from service.context import AppContext
from service.domain import errors
from service.domain.errors import FieldError
from service.domain.identifiers import synthetic_set_id
from service.domain.records import Dataset, Model
from service.domain.requests import (
    GenerateRequest,
    Interpolation,
    Mixture,
    ReportExtent,
    SetFormat,
)
from service.examples import MODEL_ID
from service.validation.bodies import (
    Id,
    Labels,
    Options,
    Seed,
    Strict,
    fields_at,
    of_any_family,
    pointer,
)
from service.validation.outlook import check_outlook
from service.validation.train import ready_dataset
from service.validation.upscaling import resolved_upscale

TOLERANCE = 1e-6  # by how much the weights of a mixture may miss 1

T = TypeVar("T", int, float)
Place = tuple[str | int, ...]

Weights = Annotated[
    dict[str, Annotated[float, Field(gt=0, le=1)]],
    Field(
        max_length=1000,
        description="How much of each class, two classes at least; adds up to 1.",
        json_schema_extra={"minProperties": 2},  # checked with the sum, to say what is meant
    ),
]


class MixtureBody(Strict):
    """Images that lie between classes; they carry no label."""

    weights: Weights
    count: int = Field(ge=1, le=1_000_000, description="How many images.")


class InterpolationBody(Strict):
    """Images on the way between two seeds of the same class or mixture; they carry no label."""

    label: str | None = Field(None, description="The class; or give weights.")
    weights: Weights | None = None
    from_seed: Seed = Field(
        description="The first image's own seed. Those of a set's images stand in its findings; "
        "any other number is the seed of some image too."
    )
    to_seed: Seed = Field(description="The last image's own seed.")
    steps: int = Field(ge=2, le=256, description="How many images, both ends included.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.label is None) == (self.weights is None):
            raise ValueError("Give exactly one of label and weights.")
        if self.from_seed == self.to_seed:
            raise ValueError("Give two different seeds.")
        return self


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


_Listed = Annotated[list[InterpolationBody], Field(max_length=1000)]
Interpolations = Annotated[
    _Listed, BeforeValidator(_listed, json_schema_input_type=InterpolationBody | _Listed)
]


class GenerateBody(Strict):
    """A synthetic set: images of classes, images that lie between them, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model_id": MODEL_ID, "class_counts": {"normal": 100, "effusion": 100}, "seed": 1},
                {
                    "model_id": MODEL_ID,
                    "mixtures": [{"weights": {"normal": 0.6, "effusion": 0.4}, "count": 10}],
                    "interpolate": [
                        {"label": "effusion", "from_seed": 1, "to_seed": 2, "steps": 8}
                    ],
                },
            ]
        }
    )

    model_id: Id
    class_counts: Annotated[dict[str, int], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="Images per class, 1 or more each."
    )
    balance: bool = Field(
        False, description="Choose class_counts that balance the dataset's classes."
    )
    mixtures: list[MixtureBody] = Field(
        default_factory=list, max_length=1000, description="Images that lie between classes."
    )
    interpolate: Interpolations = Field(
        default_factory=list, description="Interpolations between two seeds: one, or a list."
    )
    seed: Seed = 0
    sampler: Options = Field(
        default_factory=dict,
        description="Options of the family's sampler, such as name, num_steps and guidance.",
        json_schema_extra=of_any_family(registry.sampler_class),
    )
    upscale: int | None = Field(
        None,
        description="Enlarge the images to this side in pixels by the model's second stage, to "
        "twice the size they are drawn at: 512 for a model of 256. The set is examined at this "
        "size. By default they stay as drawn.",
        examples=[512],
    )
    format: SetFormat = Field("png", description="What the images are packaged as beside PNG.")
    report: ReportExtent = Field(
        "quick",
        description="full: also measure utility, by classifiers trained on the images, which "
        "takes minutes.",
    )
    strict: bool = Field(
        False,
        description="Refuse, as `cannot_pass`, a set that is known not to pass; without it the "
        "answer has `warnings`.",
    )
    labels: Labels = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.class_counts is not None and self.balance:
            raise ValueError("Give class_counts or balance: true, not both.")
        if self.class_counts is None and not (self.balance or self.mixtures or self.interpolate):
            raise ValueError("Give class_counts, balance: true, mixtures or interpolate.")
        return self


def complete(context: AppContext, body: GenerateBody) -> GenerateRequest:
    """Check a generation against its model, and complete it by every default.

    Classes are put into the model's order, which numbers the images, and the set gets its name.

    Raises:
        NotFound, Conflict, InvalidRequest, ExtractorUnavailable: See the error tree.
    """
    model = context.records.catalog.model(body.model_id)
    dataset = examining_dataset(context, model)
    request = GenerateRequest(
        model_id=model.id,
        dataset_id=dataset.id,
        class_counts=_in_order(model, resolved_counts(model, dataset, body)),
        mixtures=tuple(
            Mixture(_in_order(model, mixture.weights), mixture.count) for mixture in body.mixtures
        ),
        interpolate=tuple(
            Interpolation(
                way.from_seed,
                way.to_seed,
                way.steps,
                label=way.label,
                weights=_in_order(model, way.weights) if way.weights else None,
            )
            for way in body.interpolate
        ),
        seed=body.seed,
        sampler=resolved_sampler(model, body.sampler),
        upscale=resolved_upscale(model, body.upscale),
        format=body.format,
        report=body.report,
        # their figures are in the report, and so part of the set
        extractors={each.name: each.identity() for each in context.extractors},
    )
    check_total(request, context.max_images_per_set)
    if body.strict:
        check_outlook(context, request)
    sha256 = model.snapshot.sha256
    set_id = synthetic_set_id(request, snapshot_sha256=sha256, version=context.version)
    return replace(request, synthetic_set_id=set_id)


def examining_dataset(context: AppContext, model: Model) -> Dataset:
    """Return the dataset that a model's sets are examined against."""
    for dataset_id in model.inherited:
        try:
            context.records.catalog.dataset(dataset_id)
        except errors.DatasetNotFound:
            raise errors.DatasetGone.inherited(model.id, dataset_id) from None
    try:
        return ready_dataset(context, model.dataset_id)
    except errors.DatasetNotFound:
        raise errors.DatasetGone(
            f"Dataset {model.dataset_id} of model {model.id} was deleted, and a set must be "
            "examined against the images its model was trained on. Ingest them and train again."
        ) from None


def resolved_counts(model: Model, dataset: Dataset, body: GenerateBody) -> Mapping[str, int]:
    """Return how many images of each class are asked for; all classes named must be known."""
    if body.balance and model.card.differential_privacy:
        raise errors.PrivacyUnavailable.at(
            "/balance",
            "Balancing the dataset discloses how many images each class has, which this model's "
            "differential privacy protects. Say class_counts instead.",
        )
    counts = balancing_counts(dataset) if body.balance else body.class_counts or {}
    _check_classes(model, {("class_counts", label): label for label in counts})
    _check_positive(counts)
    for number, mixture in enumerate(body.mixtures):
        _check_weights(model, ("mixtures", number), mixture.weights)
    for number, way in enumerate(body.interpolate):
        if way.weights is not None:
            _check_weights(model, ("interpolate", number), way.weights)
        else:
            _check_classes(model, {("interpolate", number, "label"): str(way.label)})
    return counts


def balancing_counts(dataset: Dataset) -> dict[str, int]:
    """Count how many images each class lacks to be as frequent as the most frequent one."""
    sizes = {label: split.images for label, split in dataset.classes.items()}
    most = max(sizes.values(), default=0)
    lacking = {label: most - size for label, size in sizes.items() if size < most}
    if not lacking:
        raise errors.InvalidClassCounts.at(
            "/balance", "The dataset is balanced already. Say class_counts instead."
        )
    return lacking


def resolved_sampler(
    model: Model, options: Mapping[str, Any], where: str = "/sampler"
) -> dict[str, Any]:
    """Complete the sampling options a client gave by the family's defaults.

    Args:
        model: What samples.
        options: Those given.
        where: They stand in the body.

    Raises:
        UnknownSampler: One is none of its family's, or none of this model.
    """
    try:
        sampler = registry.sampler_class(model.family).model_validate(dict(options))
        sampler.check_model(model.config)
    except ValidationError as error:
        raise errors.UnknownSampler(
            f"The sampler does not fit a model of family {model.family}.",
            fields=fields_at(where, error),
        ) from error
    except ValueError as error:
        raise errors.UnknownSampler.at(where, str(error)) from error
    return sampler.model_dump(mode="json")


def check_total(request: GenerateRequest, max_images: int) -> None:
    """Raise InvalidClassCounts where a set would hold too many images."""
    parts = {
        "class_counts": sum(request.class_counts.values()),
        "mixtures": sum(mixture.count for mixture in request.mixtures),
        "interpolate": sum(way.steps for way in request.interpolate),
    }
    if request.num_images > max_images:
        message = f"{request.num_images} images are too many; one set holds at most {max_images}."
        raise errors.InvalidClassCounts(
            message, fields=[FieldError(pointer(name), message) for name in parts if parts[name]]
        )


def _check_weights(model: Model, place: Place, weights: Mapping[str, float]) -> None:
    _check_classes(model, {(*place, "weights", label): label for label in weights})
    where = pointer(*place, "weights")
    if len(weights) < 2:
        raise errors.InvalidMixture.at(
            where, "A mixture is of two classes at least. Ask for images of one by its label."
        )
    total = math.fsum(weights.values())
    if abs(total - 1) > TOLERANCE:
        raise errors.InvalidMixture.at(
            where, f"The weights add up to {total:.9g} and must add up to 1."
        )


def _check_classes(model: Model, named: Mapping[Place, str]) -> None:
    unknown = {place: label for place, label in named.items() if label not in model.classes}
    if unknown:
        known = ", ".join(model.classes)
        raise errors.UnknownClass(
            f"Model {model.id} was not trained on every class asked for; it knows {known}.",
            fields=[
                FieldError(pointer(*place), f"No class {label!r}; there are {known}.")
                for place, label in unknown.items()
            ],
        )


def _check_positive(counts: Mapping[str, int]) -> None:
    below_one = [label for label, count in counts.items() if count < 1]
    if below_one:
        raise errors.InvalidClassCounts(
            "Ask for one image at least of each class, or leave the class out.",
            fields=[
                FieldError(pointer("class_counts", label), "Not a count of 1 or more.")
                for label in below_one
            ],
        )


def _in_order(model: Model, by_label: Mapping[str, T]) -> dict[str, T]:
    return {label: by_label[label] for label in model.classes if label in by_label}
