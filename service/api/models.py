"""Trained models."""

from fastapi import APIRouter, Response

from service.api.conditional import FOREVER
from service.api.dependencies import Cursor, InWorld, Limit, ModelId
from service.api.errors import documented
from service.api.release_views import AuditView
from service.api.views import ModelView, Page
from service.domain import errors
from service.domain.journal import folder_of

router = APIRouter(tags=["models"])


@router.get("/models", operation_id="list_models", responses=documented(errors.InvalidRequest))
def list_models(world: InWorld, cursor: Cursor = None, limit: Limit = 50) -> Page[ModelView]:
    """List models, newest first; one exists only once its training succeeded."""
    page = world.records.models(cursor=cursor, limit=limit)
    items = [ModelView.of(model) for model in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/models/{model_id}",
    operation_id="get_model",
    responses=documented(errors.ModelNotFound, errors.InvalidRequest),
)
def get_model(world: InWorld, model_id: ModelId) -> ModelView:
    """Read a model: what it was trained on, its config and its card."""
    return ModelView.of(world.records.model(model_id))


@router.get(
    "/models/{model_id}/audit",
    operation_id="get_model_audit",
    responses=documented(errors.ModelNotFound, errors.InvalidRequest),
)
def get_model_audit(world: InWorld, model_id: ModelId) -> AuditView:
    """Read what is known of a model's privacy: from its weights, and from each set it drew."""
    model = world.records.model(model_id)
    return AuditView.of(model, world.records.sets_of_model(model.id))


@router.get(
    "/models/{model_id}/samples.png",
    operation_id="get_model_samples",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}},
        **documented(errors.ModelNotFound, errors.ImageNotFound, errors.InvalidRequest),
    },
)
def get_model_samples(world: InWorld, model_id: ModelId) -> Response:
    """Look at a grid of images the model drew at the end of its training."""
    model = world.records.model(model_id)
    path = world.artifacts.path(f"{folder_of(model.snapshot.key)}/samples.png")
    try:
        image = path.read_bytes()
    except FileNotFoundError:
        raise errors.ImageNotFound.named(f"{model_id}/samples.png") from None
    return Response(image, media_type="image/png", headers={"Cache-Control": FOREVER})
