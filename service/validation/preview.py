"""Which images of a model can be looked at: the body of `POST /models/{id}/previews`."""

from typing import Annotated

from pydantic import ConfigDict, Field

from models import registry
from service.domain import errors
from service.domain.errors import FieldError
from service.domain.previews import MAX_COLUMNS, MAX_IMAGES, MAX_IMAGES_PER_CLASS
from service.domain.records import Model
from service.domain.requests import PreviewColumn, PreviewRequest
from service.validation.bodies import Labels, Name, Options, Seed, Strict, of_any_family, pointer
from service.validation.generate import resolved_sampler

DEFAULT_IMAGES_PER_CLASS = 4


class PreviewColumnBody(Strict):
    """How the images of one column are drawn."""

    seed: Seed = 0
    sampler: Options = Field(
        default_factory=dict,
        description="Options of the family's sampler, such as name, num_steps and guidance.",
        json_schema_extra=of_any_family(registry.sampler_class),
    )


class PreviewBody(Strict):
    """Images of a model side by side: a picture for each class, a column for each way to draw."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "images_per_class": 4,
                    "columns": [
                        {"sampler": {"guidance": 1.0}},
                        {"sampler": {"guidance": 3.0, "num_steps": 16}},
                    ],
                }
            ]
        }
    )

    classes: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="The classes to show; by default every class of the model."
    )
    images_per_class: int = Field(
        DEFAULT_IMAGES_PER_CLASS,
        ge=1,
        le=MAX_IMAGES_PER_CLASS,
        description="Rows of each picture. The images of a row are drawn from equal noise where "
        "their columns have equal seeds.",
    )
    columns: list[PreviewColumnBody] = Field(
        min_length=1, max_length=MAX_COLUMNS, description="From left to right."
    )
    labels: Labels = Field(default_factory=dict)


def complete(model: Model, body: PreviewBody) -> PreviewRequest:
    """Complete a request for a preview by every default.

    Raises:
        UnknownClass: The model has not learned a class.
        UnknownSampler: An option is none of its family's, or none of this model.
        InvalidRequest: These are too many images.
    """
    asked = body.classes or model.classes
    unknown = [place for place, label in enumerate(asked) if label not in model.classes]
    if unknown:
        known = ", ".join(model.classes)
        message = f"Model {model.id} was not trained on every class asked for; it knows {known}."
        fields = [FieldError(pointer("classes", each), f"There are {known}.") for each in unknown]
        raise errors.UnknownClass(message, fields=fields)
    request = PreviewRequest(
        model.id,
        model.dataset_id,
        tuple(label for label in model.classes if label in asked),
        body.images_per_class,
        tuple(
            PreviewColumn(
                each.seed, resolved_sampler(model, each.sampler, f"/columns/{place}/sampler")
            )
            for place, each in enumerate(body.columns)
        ),
    )
    if request.num_images > MAX_IMAGES:
        raise errors.InvalidRequest.at(
            "/images_per_class",
            f"{request.num_images} images are too many; a preview has at most {MAX_IMAGES}. "
            "Ask for fewer of each class, fewer columns, or some of the classes.",
        )
    return request
