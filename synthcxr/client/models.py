"""Models: training, reading, weights."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.deletions import delete
from synthcxr.client.downloads import download
from synthcxr.client.flow import Flow, Stream
from synthcxr.client.options import Budget, TrainOptions
from synthcxr.client.previews import preview_model, save_previews
from synthcxr.client.scores import get_scores, score_images
from synthcxr.client.wire import Wire, create, get, pages, path_of, read
from synthcxr.model_audit import ModelAudit, WeightsDescription
from synthcxr.resources import Deletion, Job, Model


def train(
    wire: Wire, dataset_id: str, *, family: str, budget: Budget, **options: Unpack[TrainOptions]
) -> Flow[Job]:
    """Train a model.

    Args:
        dataset_id: A dataset that is ready.
        family: vae, gan, ldm or ppca.
        budget: How long to train.
        options: See `TrainOptions`.
    """
    asked = {"dataset_id": dataset_id, "family": family, "budget": budget, **options}
    return read(wire, Job, create("train", json=asked))


def list_models(wire: Wire) -> Stream[Model]:
    """List the models, newest first."""
    return pages(wire, Model, get("models"))


def get_model(wire: Wire, model_id: str) -> Flow[Model]:
    """Read a model and its card."""
    return read(wire, Model, get("models", model_id))


def audit_model(wire: Wire, model_id: str) -> Flow[ModelAudit]:
    """Read the privacy audit of a model, and the verdicts of its sets."""
    return read(wire, ModelAudit, get("models", model_id, "audit"))


def save_weights(wire: Wire, model_id: str, destination: str | Path) -> Flow[WeightsDescription]:
    """Save a model's weights, and beside them what goes with them; needs `weights:read`.

    Args:
        model_id: A model whose audit clears its weights.
        destination: The safetensors file to make or replace; a file of the same name with `.json`
            added says what to build the weights into, on what ground and terms they were released.

    Returns:
        What the file beside them says.

    Raises:
        ProblemError: They are not released (`weights_not_cleared`, `scope_missing`).
        DownloadMismatch: What came is not what the service promised.
    """
    destination = Path(destination)
    sha256 = yield from download(wire, path_of("models", model_id, "weights"), destination)
    model = yield from get_model(wire, model_id)
    audit = yield from audit_model(wire, model_id)
    description = WeightsDescription.of(model, audit, sha256)
    beside = destination.with_name(f"{destination.name}.json")
    beside.write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return description


def delete_model(wire: Wire, model_id: str, *, cascade: bool = False) -> Flow[Deletion]:
    """Delete a model and its weights.

    Args:
        model_id: The model.
        cascade: Whether its sets and their jobs go too.

    Returns:
        What went and what stayed, with a signed receipt.
    """
    return delete(wire, "models", model_id, cascade=cascade)


class Models(Group):
    """Trained models."""

    list = Items(list_models)
    get = Answer(get_model)
    audit = Answer(audit_model)
    save_weights = Answer(save_weights)
    preview = Answer(preview_model)
    save_previews = Answer(save_previews)
    score = Answer(score_images)
    scores = Answer(get_scores)
    delete = Answer(delete_model)


class AsyncModels(AsyncGroup):
    """Trained models."""

    list = AsyncItems(list_models)
    get = AsyncAnswer(get_model)
    audit = AsyncAnswer(audit_model)
    save_weights = AsyncAnswer(save_weights)
    preview = AsyncAnswer(preview_model)
    save_previews = AsyncAnswer(save_previews)
    score = AsyncAnswer(score_images)
    scores = AsyncAnswer(get_scores)
    delete = AsyncAnswer(delete_model)
