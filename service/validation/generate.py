"""What a synthetic set holds: images of classes, mixtures of them, ways between images."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from service.context import AppContext
from service.domain import errors
from service.domain.errors import FieldError
from service.domain.records import Model
from service.validation.train import pointer

TOLERANCE = 1e-6  # by how much the weights of a mixture may miss 1


def resolved_contents(
    context: AppContext, model: Model, request: Mapping[str, Any], *, balance: bool
) -> dict[str, Any]:
    """Put what a set is to hold into the model's own order, and insist that it can be drawn.

    Args:
        context: The ports.
        model: What draws it.
        request: class_counts (or None), mixtures and interpolate.
        balance: Choose class_counts such that the model's dataset becomes level.

    Raises:
        UnknownClass, InvalidMixture, InvalidClassCounts: See the error tree.
    """
    if balance and "differential_privacy" in model.card:
        raise errors.PrivacyUnavailable.at(
            "/balance",
            "To level the dataset is to tell how many images each class has, which this model's "
            "differential privacy keeps. Say class_counts instead.",
        )
    counts = level_counts(context, model) if balance else request["class_counts"] or {}
    mixtures: Sequence[Mapping[str, Any]] = request["mixtures"]
    ways: Sequence[Mapping[str, Any]] = request["interpolate"]
    _check_classes(model, {("class_counts", label): label for label in counts})
    _check_positive(counts)
    for place, part in _placed(mixtures, ways):
        _check_part(model, place, part)
    _check_total(counts, mixtures, ways, context.max_images_per_set)
    return {
        "class_counts": _in_order(model, counts),
        "mixtures": [{**part, "weights": _in_order(model, part["weights"])} for part in mixtures],
        "interpolate": [_given(model, part) for part in ways],
    }


def level_counts(context: AppContext, model: Model) -> dict[str, int]:
    """Count how many images each class lacks to be as frequent as the most frequent one."""
    classes = context.records.dataset(model.dataset_id).classes
    most = max((split.images for split in classes.values()), default=0)
    lacking = {
        label: most - split.images for label, split in classes.items() if split.images < most
    }
    if not lacking:
        raise errors.InvalidClassCounts.at(
            "/balance", "The dataset is level already. Say class_counts instead."
        )
    return lacking


Place = tuple[str | int, ...]


def _placed(
    mixtures: Sequence[Mapping[str, Any]], ways: Sequence[Mapping[str, Any]]
) -> list[tuple[Place, Mapping[str, Any]]]:
    """Say where in the body each part stands."""
    return [
        *((("mixtures", number), part) for number, part in enumerate(mixtures)),
        *((("interpolate", number), part) for number, part in enumerate(ways)),
    ]


def _check_part(model: Model, place: Place, part: Mapping[str, Any]) -> None:
    weights = part["weights"]
    if weights is None:
        _check_classes(model, {(*place, "label"): part["label"]})
        return
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
            f"Model {model.id} has not learned every class asked for; it knows {known}.",
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


def _check_total(
    counts: Mapping[str, int],
    mixtures: Sequence[Mapping[str, Any]],
    ways: Sequence[Mapping[str, Any]],
    max_images: int,
) -> None:
    parts = {
        "class_counts": sum(counts.values()),
        "mixtures": sum(part["count"] for part in mixtures),
        "interpolate": sum(part["steps"] for part in ways),
    }
    total = sum(parts.values())
    if total > max_images:
        message = f"{total} images are too many; one set holds at most {max_images}."
        raise errors.InvalidClassCounts(
            message, fields=[FieldError(pointer(name), message) for name in parts if parts[name]]
        )


def _in_order(model: Model, by_label: Mapping[str, Any]) -> dict[str, Any]:
    return {label: by_label[label] for label in model.classes if label in by_label}


def _given(model: Model, way: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of label and weights the one that was given."""
    given = {name: value for name, value in way.items() if value is not None}
    if "weights" in given:
        given["weights"] = _in_order(model, given["weights"])
    return given
