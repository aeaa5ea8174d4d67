"""Images of a model that were not examined, side by side."""

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Response

from service.api.authorization import GuardedRoute
from service.api.dependencies import IdempotencyKey, InContext, JobId, ModelId, idempotency
from service.api.disclosure import disclosed
from service.api.errors import READING, documented
from service.api.http.conditional import NOT_KEPT
from service.api.openapi.responses import PNG
from service.api.shown_jobs import view
from service.api.threads import run_writing
from service.api.views.job import JobView
from service.context import AppContext
from service.domain import errors
from service.domain.previews import picture_name, previews_folder
from service.domain.requests import PreviewRequest
from service.usecases.submissions import Submission, submit_preview
from service.validation.preview import PreviewBody

router = APIRouter(tags=["models"], route_class=GuardedRoute)

Place = Annotated[
    int, Path(ge=0, lt=1000, description="Place of a class among those asked for, from 0.")
]


@router.post(
    "/models/{model_id}/previews",
    operation_id="preview_model",
    status_code=202,
    responses=documented(
        errors.ModelNotFound,
        errors.ScopeMissing,
        errors.InvalidRequest,
        errors.UnknownClass,
        errors.UnknownSampler,
        errors.IdempotencyConflict,
        errors.PreviewsSpent,
        errors.QuotaExceeded,
        http=[400, 413],
    ),
)
async def preview_model(
    body: PreviewBody,
    context: InContext,
    model_id: ModelId,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Draw a few images of each class, with seeds and sampling options side by side.

    They are not examined, are for the scope `private:read`, and are in no set: no seed of a set
    draws them. So they count towards no examination, and nothing packages them.
    """
    asked = body.model_dump(mode="json", exclude={"labels"}) | {"model_id": model_id}
    submission = Submission(idempotency(idempotency_key, "preview_model", asked), body.labels)
    job = await run_writing(submit_preview, context, submission, model_id, body)
    return await run_sync(view, context, job)


@router.get(
    "/models/{model_id}/previews/{job_id}/{place}.png",
    operation_id="get_preview",
    response_class=Response,
    responses={
        200: {"content": PNG},
        **documented(
            errors.ModelNotFound,
            errors.JobNotFound,
            errors.ImageNotFound,
            errors.JobNotDone,
            *READING,
            errors.ScopeMissing,
            errors.InvalidRequest,
        ),
    },
)
def get_preview(context: InContext, model_id: ModelId, job_id: JobId, place: Place) -> Response:
    """View the images of one class of a preview: a column for each way to draw them.

    They were not examined, so they are for callers with the scope `private:read`, and recorded.
    """
    image = _picture(context, model_id, job_id, place)
    answer = Response(image, media_type="image/png", headers={"Cache-Control": NOT_KEPT})
    return disclosed(context, model_id, answer)


def _picture(context: AppContext, model_id: str, job_id: str, place: int) -> bytes:
    model = context.records.catalog.model(model_id)
    job = context.records.jobs.job(job_id)
    missing = errors.ImageNotFound.named(f"{model_id}/previews/{job_id}/{place}.png")
    if not isinstance(job.request, PreviewRequest) or job.request.model_id != model.id:
        raise missing
    job.must_be_done()
    path = context.artifacts.path(f"{previews_folder(job_id)}/{picture_name(place)}")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise missing from None
