"""The checks a request passes before anything is queued; each names the field at fault."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

from pydantic import ValidationError

from models import presets, registry
from models.config import Circumstances
from service.context import AppContext
from service.domain import errors
from service.domain.errors import FieldError
from service.domain.records import Dataset, DatasetState, Model

TRAINED_SHARE = 0.72  # of a dataset's images, about, as radiographs.splits divides them
BUDGETS = {"images": (1, 1_000_000_000), "seconds": (5, 86_400)}


def allowed_path(roots: Sequence[Path], path: str) -> Path:
    """Resolve a folder or ZIP a client named, links included, and insist that it may be read."""
    try:
        found = Path(path).resolve()
        allowed = Path(path).is_absolute() and any(
            found.is_relative_to(root.resolve()) for root in roots
        )
        exists = allowed and found.exists()
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, a NUL
        raise errors.PathNotFound.at("/path", "The path cannot be followed.") from None
    if not allowed:
        message = (
            "The path is not below one of the roots this service may read. Name an absolute "
            "path below a folder of SYNTHCXR_DATASET_ROOTS, or upload a ZIP."
        )
        raise errors.PathNotAllowed(message, fields=[FieldError("/path", message)])
    if not exists:
        raise errors.PathNotFound.at("/path", "The service's machine has no such folder or ZIP.")
    if not found.is_dir() and not is_zipfile(found):
        raise errors.NotAZip.at("/path", "The path is neither a folder nor a ZIP archive.")
    return found


def check_upload(path: Path) -> None:
    """Insist that the archive of an ingest is still kept."""
    if not path.exists():
        raise errors.UploadGone(
            "The uploaded archive is not kept after its ingest ended. Upload it again."
        )


def ready_dataset(context: AppContext, dataset_id: str) -> Dataset:
    """Return a dataset that can be trained on."""
    dataset = context.records.dataset(dataset_id)
    if dataset.state is DatasetState.INGESTING:
        raise errors.DatasetNotReady(
            f"Dataset {dataset_id} is still being ingested. Wait for job {dataset.job_id}."
        )
    if dataset.state is DatasetState.FAILED:
        raise errors.DatasetFailed(
            f"The ingest of dataset {dataset_id} did not succeed. Job {dataset.job_id} tells why; "
            "retry it, or add the dataset again."
        )
    check_folds(dataset)
    return dataset


def check_folds(dataset: Dataset) -> None:
    """Insist that a dataset's images were split into the folds that a release is judged by."""
    if dataset.version is None:
        raise errors.DatasetOutdated.named(dataset.id)


def examining_dataset(context: AppContext, model: Model) -> Dataset:
    """Return the dataset that a model's sets are examined against."""
    try:
        return ready_dataset(context, model.dataset_id)
    except errors.DatasetNotFound:
        raise errors.DatasetGone(
            f"Dataset {model.dataset_id} of model {model.id} was deleted, and a set must be "
            "examined against the images its model learned from. Ingest them and train again."
        ) from None


def available_image_size(dataset: Dataset, wanted: int | None) -> int:
    """Return the size wanted, or the stored one; insist that pixels average evenly down to it."""
    stored = dataset.image_size or 0
    image_size = wanted or stored
    if image_size > stored or stored % image_size:
        raise errors.ImageSizeUnavailable.at(
            "/image_size",
            f"Dataset {dataset.id} is stored at {stored} pixels and cannot give {image_size}. "
            "Choose a size that divides it, or ingest the images again at a larger image_size.",
        )
    return image_size


def circumstances(
    context: AppContext, dataset: Dataset, image_size: int, budget: Mapping[str, int]
) -> Circumstances:
    """Describe what a preset is chosen for."""
    return Circumstances(
        image_size=image_size,
        num_images=round(TRAINED_SHARE * _num_images(dataset)),
        device=context.train_device,
        budget_images=budget.get("images"),
        budget_seconds=budget.get("seconds"),
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
    """Insist that each device gets an image of every batch."""
    smallest = min(
        (size for name, size in config.items() if name.endswith("batch_size")), default=num_devices
    )
    if num_devices > smallest:
        raise errors.InvalidConfig.at(
            "/num_devices",
            f"A batch of {smallest} images cannot be shared by {num_devices} devices.",
        )


def check_family(family: str) -> None:
    """Insist that a family is registered."""
    if family not in registry.FAMILIES:
        known = ", ".join(registry.FAMILIES)
        raise errors.UnknownFamily.at("/family", f"No family {family!r}; there are {known}.")


def resolved_sampler(model: Model, options: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the sampling options a client gave by the family's defaults."""
    try:
        sampler = registry.sampler_class(model.family).model_validate(dict(options))
        sampler.check_model(model.config)
    except ValidationError as error:
        raise errors.UnknownSampler(
            f"The sampler does not fit a model of family {model.family}.",
            fields=fields_at("/sampler", error),
        ) from error
    except ValueError as error:
        raise errors.UnknownSampler.at("/sampler", str(error)) from error
    return sampler.model_dump(mode="json")


def resolved_privacy(family: str, asked: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Complete the terms of differential privacy; insist that a family can be trained so."""
    check_family(family)
    methods = registry.config_class(family).private_methods
    method = asked["method"] or next(iter(methods), None)
    if method not in methods:
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
    if asked["delta"] is not None and asked["delta"] * num_images > 1:
        raise errors.PrivacyUnavailable.at(
            "/privacy/differential_privacy/delta",
            f"With {num_images:,} images, a delta above {1 / num_images:.2g} would "
            "allow a patient to be given away whole. Leave it out, or choose less.",
        )
    return {**asked, "method": method}


def _num_images(dataset: Dataset) -> int:
    """Count a dataset's images: how many of them models learn from is not for everybody."""
    return sum(split.images for split in dataset.classes.values())


def check_budget(budget: Mapping[str, int]) -> None:
    """Insist that a training is neither too short to mean anything nor without end."""
    [(measure, amount)] = budget.items()
    low, high = BUDGETS[measure]
    if not low <= amount <= high:
        raise errors.BudgetOutOfRange.at(
            f"/budget/{measure}", f"Choose {low:,} to {high:,} {measure}; {amount:,} is outside."
        )


def fields_at(base: str, error: ValidationError) -> list[FieldError]:
    """List what pydantic found wrong, below a place in the body."""
    return [
        FieldError(base + pointer(*found["loc"]), found["msg"])
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def pointer(*parts: str | int) -> str:
    """Write a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
