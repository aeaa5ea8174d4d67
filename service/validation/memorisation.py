"""How long a training may go on before its model is expected to memorise its images."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models import registry
from models.memorisation import SMALL_SET, images_before_memorisation
from service.context import AppContext
from service.domain import errors
from service.domain.records import Dataset, Model
from service.domain.requests import TrainingBudget


def bounded_budget(
    context: AppContext,
    budget: TrainingBudget,
    dataset: Dataset,
    num_images: int,
    model_of: tuple[str, Mapping[str, Any]],
    init_from: str | None,
) -> TrainingBudget:
    """Complete a budget by the images after which memorisation is expected.

    That is by default for small private datasets. Of public images there is nothing to protect.

    Args:
        context: The ports.
        budget: As the client gave it.
        dataset: What is trained on.
        num_images: How many of its images are, about: their exact number is not public.
        model_of: The family and its complete config.
        init_from: The model or the base that the training starts from, if any.

    Raises:
        InitFromUnavailable: The model to start from has seen as many of these images as it may.
    """
    by_default = dataset.public_data is None and num_images <= SMALL_SET
    if budget.until is None and not by_default:
        return budget
    family, config = model_of
    most = images_before_memorisation(registry.config_class(family)(**config), num_images)
    earlier = _images_seen_before(context, dataset, init_from) if most is not None else 0
    if most is not None and earlier:
        if earlier >= most:
            raise errors.InitFromUnavailable.at(
                "/init_from",
                f"Model {init_from} has seen {earlier:,} images of dataset {dataset.id}; with more "
                f"than {most:,}, a model of so few images is expected to memorise them. Start from "
                "another model or from a base, or add images of more patients.",
            )
        most -= earlier
    return replace(
        budget, until="memorisation", memorisation_images=most, earlier_images=earlier or None
    )


def _images_seen_before(context: AppContext, dataset: Dataset, init_from: str | None) -> int:
    """Count what a model to start from, and all that it started from, have seen of a dataset.

    Other datasets may lie between two trainings on this one. What differential privacy saw is
    bounded by epsilon, and what it started from was public.

    Raises:
        InitFromUnavailable: One of them was deleted, and with it what is to be counted.
    """
    catalog, seen, name = context.records.catalog, 0, init_from
    last: Model | None = None
    while name is not None and name.startswith("mdl_"):
        try:
            model = catalog.model(name)
        except errors.ModelNotFound:
            if last is None:
                raise
            return seen + _images_before_the_deleted(last, dataset, str(init_from))
        if model.dataset_id == dataset.id and model.card.differential_privacy is None:
            seen += model.images_seen
        last, start = model, model.card.warm_start
        name = start.init_from if start else None
    return seen


def _images_before_the_deleted(last: Model, dataset: Dataset, init_from: str) -> int:
    """Say what was seen of a dataset before a model whose own start was deleted.

    Known is what was counted when a bounded training on the same dataset was accepted.
    """
    budget = last.card.budget
    if last.card.differential_privacy is not None:
        return 0  # it started from what is public
    if last.dataset_id == dataset.id and budget.until == "memorisation":
        return budget.earlier_images or 0
    if dataset.id in (last.dataset_id, *last.inherited):
        raise errors.InitFromUnavailable.at(
            "/init_from",
            f"Model {init_from} goes back to a deleted model, and how many images of dataset "
            f"{dataset.id} that had seen is not known any more. Start from another model or from "
            "a base.",
        )
    return 0
