"""What a client reads of a dataset and of a model."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from service import examples
from service.api.views.base import Moment, View, attributes, shown
from service.domain.json_form import as_json
from service.domain.records import DatasetState, Model


class ClassSplitView(View):
    """How many images a class has and, for the scope `private:read` alone, in which splits."""

    images: int
    train: int | None = Field(
        description="Images that models learn from, the included ones among them; like all counts "
        "of splits null without the scope `private:read`."
    )
    included: int | None = Field(
        description="Images of the audit pool that a fair random bit per patient included in train."
    )
    holdout: int | None = Field(
        description="The audit pool's other images, which no model learns from: the gate compares "
        "sets with them."
    )
    test: int | None = Field(description="Images kept for the utility test of finished sets.")


class DroppedFileView(View):
    """A file that was left out, and why."""

    file: str | None = Field(
        description="Null without the scope `private:read`: files may be named after patients."
    )
    reason: str
    code: str


class ImageWithTextView(View):
    """An image that text is burnt into, and that was not dropped for it."""

    file: str | None = Field(
        description="Null without the scope `private:read`: files may be named after patients."
    )
    num_places: int = Field(description="Places at which text was found in it.")


class DatasetWarningView(View):
    """What an ingest found that its user should look at; docs/datasets.md explains each code."""

    code: str
    detail: str = Field(description="It names no file and quotes no cell.")
    num_images: int = Field(description="How many images it is about.")


class PublicDataView(View):
    """Images that anybody may have."""

    licence: str
    source: str


class DatasetView(View):
    """A private labelled set of radiographs."""

    model_config = shown(examples.DATASET)

    id: str
    name: str
    state: DatasetState
    source: dict[str, Any]
    created_at: Moment
    job_id: str
    public: PublicDataView | None = Field(
        description="What whoever added it declared of images that are public; null where they are "
        "private, or phantoms."
    )
    classes: dict[str, ClassSplitView]
    image_size: int | None
    bit_depth: int | None
    fingerprint: str | None = Field(
        description="sha256 over pixels, labels and patient groups; not for publication, and null "
        "without the scope `private:read`."
    )
    version: str | None = Field(
        description="Keyed hash of the fingerprint, for publication; null until it is ingested."
    )
    dropped: list[DroppedFileView] = Field(
        description="The first files that were left out; GET /datasets/{id}/dropped has all."
    )
    dropped_counts: dict[str, int] = Field(description="How many files were left out, by code.")
    warnings: list[DatasetWarningView]
    summary: dict[str, Any] = Field(
        description="What else the ingest found. Counts of near-duplicates, of known images and of "
        "patients who were split apart are there with the scope `private:read` alone."
    )

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "DatasetView":
        """Show what `access.dataset` returns."""
        return cls.model_validate(fields)


class ModelView(View):
    """A trained model."""

    model_config = shown(examples.MODEL)

    id: str
    family: str
    dataset_id: str
    classes: list[str]
    image_size: int
    config: dict[str, Any]
    preset: str
    images_seen: int
    snapshot_sha256: str
    job_id: str
    created_at: Moment
    inherited: list[str] = Field(
        description="Other private datasets that its weights learned from, through the model that "
        "its training started from. Its sets are searched for copies of their images too."
    )
    public_data: list[PublicDataView] = Field(
        description="All that it learned from, where all of it is public; empty where anything is "
        "private."
    )
    card: dict[str, Any] = Field(
        description="Curves and figures; `num_training_images` and `dataset_fingerprint` are there "
        "with the scope `private:read` alone."
    )

    @classmethod
    def of(cls, model: Model) -> "ModelView":
        """Show a model."""
        own = {"snapshot_sha256": model.snapshot.sha256, "card": as_json(model.card)}
        return cls.model_validate(attributes(cls, model) | own)
