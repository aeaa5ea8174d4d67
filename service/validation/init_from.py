"""Which model or base a training can start from."""

from typing import Annotated

from pydantic import StringConstraints

from models import bases, registry
from service.context import AppContext
from service.domain import errors
from service.domain.records import Model

InitFrom = Annotated[
    str,
    StringConstraints(max_length=60, pattern=r"^(mdl_[0-9a-z]+|base(:[a-z]+-[1-9][0-9]*)?)$"),
]


def resolved_init_from(
    context: AppContext, wanted: str, family: str, image_size: int, *, private: bool
) -> str:
    """Return the model or the base that a training can start from; `base` alone is given a name.

    Args:
        context: The ports.
        wanted: What the client asks for.
        family: Of the training; a registered one.
        image_size: Side of its images.
        private: Whether it is to be differentially private.

    Raises:
        ModelNotFound: The caller's tenant has no such model.
        InitFromUnavailable: It is of another family, its sets were refused, or there is no such
            base.
        PrivacyUnavailable: It learned from private images, which no privacy budget accounts for.
        DatasetGone: It learned from public images that are not there any more.
    """
    if not registry.config_class(family).starts_warm:
        raise errors.InitFromUnavailable.at(
            "/init_from", f"Family {family} learns nothing that a training could start from."
        )
    if wanted.startswith("mdl_"):
        model = context.records.catalog.model(wanted)
        _check_initial_model(context, model, family)
        if private:
            _check_public(context, model, image_size)
        return wanted
    return _shipped_base(wanted, family, image_size)


def _shipped_base(wanted: str, family: str, image_size: int) -> str:
    found = bases.base_for(family, image_size) if wanted == bases.PREFIX else wanted
    if found is None or found not in bases.base_names(family):
        there = ", ".join(bases.base_names(family))
        raise errors.InitFromUnavailable.at(
            "/init_from",
            f"There is no {wanted!r} for family {family}"
            + (f"; there are {there}." if there else ", which has no base."),
        )
    return found


def _check_initial_model(context: AppContext, model: Model, family: str) -> None:
    if model.family != family:
        raise errors.InitFromUnavailable.at(
            "/init_from",
            f"Model {model.id} is of family {model.family}, and a model of family {family} can "
            "only start from one of its own.",
        )
    releases = context.records.releases
    refused = any(each.refused for each in releases.examined_line(model.id))
    if refused or releases.refused_elsewhere(model.id):
        raise errors.InitFromUnavailable.at(
            "/init_from",
            f"A set of model {model.id}, or of one that it started from or that started from it, "
            "was refused for what it discloses of the training images, and another model would "
            "inherit that. Start from another one, or from a base.",
        )


def _check_public(context: AppContext, model: Model, image_size: int) -> None:
    """Insist that a model learned from public images alone, and that they are there.

    A training with differential privacy learns from them first.
    """
    if not model.public_data:
        raise errors.PrivacyUnavailable.at(
            "/init_from",
            f"Model {model.id} learned from private images, which the privacy budget of this "
            "training would not account for. Start from a base, or from a model of datasets that "
            "were declared public.",
        )
    try:
        dataset = context.records.catalog.dataset(model.dataset_id)
    except errors.DatasetNotFound:
        raise errors.DatasetGone(
            f"Dataset {model.dataset_id} of model {model.id} was deleted, and its public images "
            "are what a training with differential privacy learns from first. Add it again and "
            "train on it, or start from a base."
        ) from None
    stored = dataset.image_size or 0
    if image_size > stored or stored % image_size:
        raise errors.ImageSizeUnavailable.at(
            "/init_from",
            f"The public images of model {model.id} are stored at {stored} pixels and cannot be "
            f"had at {image_size}, which a training with differential privacy needs. Add them "
            "again at a larger image_size, or start from a base.",
        )
