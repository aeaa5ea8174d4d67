"""Training."""

from fastapi import APIRouter

from service.api.authorization import GuardedRoute
from service.api.dependencies import IdempotencyKey, InContext, idempotency
from service.api.errors import documented
from service.api.shown_jobs import view
from service.api.threads import run_writing
from service.api.views.job import JobView
from service.domain import errors
from service.usecases.submissions import Submission, submit_training
from service.validation.train import TrainBody

router = APIRouter(tags=["training"], route_class=GuardedRoute)


@router.post(
    "/train",
    operation_id="train",
    status_code=202,
    responses=documented(
        errors.DatasetNotFound,
        errors.JobNotFound,
        errors.DatasetNotReady,
        errors.DatasetFailed,
        errors.InvalidRequest,
        errors.UnknownFamily,
        errors.UnknownPreset,
        errors.InvalidConfig,
        errors.ImageSizeUnavailable,
        errors.UpscaleUnavailable,
        errors.BudgetOutOfRange,
        errors.PrivacyUnavailable,
        errors.InitFromUnavailable,
        errors.ModelNotFound,
        errors.DatasetGone,
        errors.IdempotencyConflict,
        errors.QuotaExceeded,
        http=[400, 413],
    ),
)
async def train(
    body: TrainBody, context: InContext, idempotency_key: IdempotencyKey = None
) -> JobView:
    """Train a model of a family on a dataset that is ready."""
    asked = body.model_dump(mode="json", exclude={"labels"})
    submission = Submission(idempotency(idempotency_key, "train", asked), body.labels)
    return await run_writing(lambda: view(context, submit_training(context, submission, body)))
