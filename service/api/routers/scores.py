"""How likely a model finds images that a client sends."""

from typing import Any

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from service.adapters.score_file import read_scores
from service.api.authorization import GuardedRoute
from service.api.dependencies import IdempotencyKey, InContext, JobId, ModelId, idempotency
from service.api.disclosure import disclosed
from service.api.errors import READING, documented
from service.api.shown_jobs import view
from service.api.threads import run_writing
from service.api.uploads.images import ReceivedImages
from service.api.uploads.multipart import receive_files
from service.api.uploads.received import discard, invalid
from service.api.views.job import JobView
from service.api.views.score import ScoresView
from service.context import AppContext
from service.domain import errors
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind
from service.domain.records import Model
from service.domain.requests import ScoreRequest
from service.domain.scores import Scores
from service.usecases.submissions import Submission, submit_scoring
from service.validation.score import ScoreForm, check_model

router = APIRouter(tags=["models"], route_class=GuardedRoute)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/ScoreForm"}}},
    }
}


@router.post(
    "/models/{model_id}/scores",
    operation_id="score_images",
    status_code=202,
    response_model=JobView,
    openapi_extra=_BODY,
    responses=documented(
        errors.ModelNotFound,
        errors.ScopeMissing,
        errors.ScoreUnavailable,
        errors.UnknownClass,
        errors.TooManyImages,
        errors.InvalidRequest,
        errors.UploadTooLarge,
        errors.IdempotencyConflict,
        errors.StorageFull,
        errors.ArtifactsUnavailable,
        errors.QuotaExceeded,
        http=[400, 415],
    ),
)
async def score_images(
    request: Request,
    context: InContext,
    model_id: ModelId,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Score how likely images are by a model, beside the held-out images of its dataset.

    The images are read by a job, in processes of limited memory and time, and are not kept beyond
    it. It needs the scope `private:read`: a score discloses something of who was trained on.
    """
    model = await run_sync(context.records.catalog.model, model_id)
    check_model(model)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "multipart/form-data":
        raise HTTPException(415, "Send multipart/form-data.")
    job = await _received(context, request, model, idempotency_key)
    return await run_sync(view, context, job)


async def _received(context: AppContext, request: Request, model: Model, key: str | None) -> Job:
    """Receive images and queue their scoring; whatever goes wrong, nothing is left behind."""
    job_id = new_id("job")
    writer = await run_sync(context.artifacts.open_upload, job_id)
    kept = False
    try:
        with ReceivedImages(writer) as images:
            received = await receive_files(request.headers, request.stream(), images)
        try:
            form = ScoreForm.model_validate(received.fields)
        except ValidationError as error:
            raise invalid(error) from error
        await run_sync(writer.commit)
        asked = {**received.fields, "model_id": model.id, "file": received.sha256}
        submission = Submission(idempotency(key, "score_images", asked))
        job = await run_writing(submit_scoring, context, submission, model, form, job_id)
        kept = job.id == job_id
        return job
    finally:
        if not kept:
            with CancelScope(shield=True):
                await run_sync(discard, context, writer, job_id)


@router.get(
    "/models/{model_id}/scores/{job_id}",
    operation_id="get_scores",
    responses=documented(
        errors.ModelNotFound,
        errors.JobNotFound,
        errors.ScoresNotFound,
        errors.JobNotDone,
        *READING,
        errors.ScopeMissing,
    ),
    response_model=ScoresView,
)
def get_scores(context: InContext, model_id: ModelId, job_id: JobId) -> Response:
    """Read the scores that a job found; for the scope `private:read`, and recorded."""
    scores = _scores(context, model_id, job_id)
    content = ScoresView.of(scores).model_dump_json()
    answer = Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})
    return disclosed(context, model_id, answer)


def _scores(context: AppContext, model_id: str, job_id: str) -> Scores:
    model = context.records.catalog.model(model_id)
    job = context.records.jobs.job(job_id)
    request = job.request
    if job.kind is not JobKind.SCORE or not isinstance(request, ScoreRequest):
        raise errors.ScoresNotFound.named(job_id)
    if request.model_id != model.id:
        raise errors.ScoresNotFound.named(job_id)
    job.must_be_done()
    return read_scores(context.artifacts, job_id)
