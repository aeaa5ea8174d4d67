"""Trained models."""

from functools import partial

import structlog
from fastapi import APIRouter, Response

from service.api.authorization import GuardedRoute
from service.api.dependencies import Cascade, Cursor, InContext, Limit, ModelId
from service.api.disclosure import disclosed, shown_privately
from service.api.errors import READING, documented
from service.api.http.conditional import NOT_KEPT, IfNoneMatch, Range, immutable_file
from service.api.openapi.responses import PNG, binary, whole_or_part
from service.api.threads import run_writing
from service.api.views.audit import DeletionView
from service.api.views.base import Page
from service.api.views.catalog import ModelView
from service.api.views.release import AuditView
from service.domain import access, errors
from service.domain.caller import PRIVATE_READ
from service.usecases import deletions

_log = structlog.get_logger()
router = APIRouter(tags=["models"], route_class=GuardedRoute)


@router.get("/models", operation_id="list_models", responses=documented())
def list_models(context: InContext, cursor: Cursor = None, limit: Limit = 50) -> Page[ModelView]:
    """List models, newest first; one exists only once its training succeeded."""
    page = context.records.catalog.models(cursor=cursor, limit=limit)
    shown_privately(context, (model.id for model in page.items))
    items = [ModelView.of(access.model(context.scopes, model)) for model in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/models/{model_id}",
    operation_id="get_model",
    responses=documented(errors.ModelNotFound),
)
def get_model(context: InContext, model_id: ModelId) -> ModelView:
    """Read a model: what it was trained on, its config and its card."""
    model = context.records.catalog.model(model_id)
    shown_privately(context, [model.id])
    return ModelView.of(access.model(context.scopes, model))


@router.get(
    "/models/{model_id}/audit",
    operation_id="get_model_audit",
    responses=documented(errors.ModelNotFound),
)
def get_model_audit(context: InContext, model_id: ModelId) -> AuditView:
    """Read a model's privacy audit: of its weights, and of each set that it generated."""
    model = context.records.catalog.model(model_id)
    releases = context.records.releases
    return AuditView.of(
        model,
        releases.examined_sets(model.id),
        refused_elsewhere=releases.refused_elsewhere(model.id),
    )


@router.get(
    "/models/{model_id}/weights",
    operation_id="get_model_weights",
    response_class=Response,
    responses={
        **whole_or_part(binary("application/octet-stream")),
        **documented(
            errors.ModelNotFound,
            *READING,
            errors.ScopeMissing,
            errors.WeightsNotCleared,
            http=[400, 416],
        ),
    },
)
def get_model_weights(
    context: InContext,
    model_id: ModelId,
    range_: Range = None,  # noqa: ARG001  FileResponse reads it
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Download a model's averaged weights (safetensors); its strong ETag is their sha256.

    They need the scope `weights:read` and an audit, which is linked, that clears them: white-box
    attacks disclose far more than attacks on generated images.
    """
    model = context.records.catalog.model(model_id)
    releases = context.records.releases
    weights = access.weights(
        context.scopes,
        model,
        releases.examined_sets(model.id),
        refused_elsewhere=releases.refused_elsewhere(model.id),
    )
    answer = immutable_file(
        context.artifacts.path(weights.key),
        sha256=weights.sha256,
        media_type="application/octet-stream",
        filename=f"{model.id}.safetensors",
        if_none_match=if_none_match,
    )
    answer.headers["Link"] = f'</models/{model.id}/audit>; rel="describedby"'
    _log.info(
        "weights handed out",
        model_id=model.id,
        sha256=weights.sha256,
        status=answer.status_code,
        client=context.origin,
    )
    return disclosed(context, model.id, answer)


@router.get(
    "/models/{model_id}/samples.png",
    operation_id="get_model_samples",
    response_class=Response,
    responses={
        200: {"content": PNG},
        **documented(errors.ModelNotFound, errors.ImageNotFound, *READING, errors.ScopeMissing),
    },
)
def get_model_samples(context: InContext, model_id: ModelId) -> Response:
    """View a grid of images that the model generated at the end of its training.

    They were not examined, so they are for callers with the scope `private:read`.
    """
    model = context.records.catalog.model(model_id)
    access.require(context.scopes, PRIVATE_READ)
    path = context.artifacts.path(f"{model.snapshot.folder}/samples.png")
    try:
        image = path.read_bytes()
    except FileNotFoundError:
        raise errors.ImageNotFound.named(f"{model_id}/samples.png") from None
    answer = Response(image, media_type="image/png", headers={"Cache-Control": NOT_KEPT})
    return disclosed(context, model.id, answer)


@router.delete(
    "/models/{model_id}",
    operation_id="delete_model",
    responses=documented(errors.ModelNotFound, errors.ModelInUse, errors.SigningKeyLost),
)
async def delete_model(
    context: InContext, model_id: ModelId, cascade: Cascade = False
) -> DeletionView:
    """Remove a model, its weights and its training job; answers with a signed receipt.

    Its sets stay; with `cascade` these go too. What has to outlive it is named in the receipt.
    """
    delete = partial(deletions.delete_model, context, model_id, cascade=cascade)
    return DeletionView.of(await run_writing(delete))
