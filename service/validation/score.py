"""Which images can be scored by which model: the form of `POST /models/{id}/scores`."""

from pydantic import ConfigDict, Field, ValidationError

from models import registry
from service.domain import errors
from service.domain.records import Model
from service.domain.requests import Fit, ScoreRequest
from service.validation.bodies import Name, Strict


class ScoreForm(Strict):
    """The fields of a multipart upload, which are text; the parts `file` are read apart."""

    model_config = ConfigDict(
        strict=False,
        json_schema_extra={
            "properties": {
                "file": {
                    "type": "array",
                    "items": {"type": "string", "format": "binary"},
                    "minItems": 1,
                    "maxItems": 1000,
                    "description": "PNG or JPEG images, each a part of this name; or one ZIP of "
                    "them, in which folders named as a class say the label.",
                }
            },
            "required": ["file"],
        },
    )

    label: Name | None = Field(
        None, description="The class that all images are said to be of, where no folder says it."
    )
    fit: Fit = Field(
        "pad",
        description="How an image that is not square becomes square: as in the ingest of the "
        "model's dataset.",
    )


def complete(model: Model, form: ScoreForm) -> ScoreRequest:
    """Complete a request for scores.

    Raises:
        ScoreUnavailable: The model says nothing of how likely an image is.
        UnknownClass: It has not learned the label.
    """
    check_model(model)
    if form.label is not None and form.label not in model.classes:
        known = ", ".join(model.classes)
        raise errors.UnknownClass.at("/label", f"No class {form.label!r}; there are {known}.")
    return ScoreRequest(model.id, model.dataset_id, form.label, form.fit)


def check_model(model: Model) -> None:
    """Raise ScoreUnavailable unless a model says how likely an image is."""
    try:
        config = registry.config_class(model.family).model_validate(model.config)
    except ValidationError as error:
        raise errors.ScoreUnavailable(
            f"The config of model {model.id} is of another version. Train it again."
        ) from error
    if config.likelihood_score() is None:
        raise errors.ScoreUnavailable(
            f"Model {model.id} of family {model.family} has no likelihood and no bound on one. "
            "Score the images by a model of family ppca, ldm or vae (kind variational)."
        )
