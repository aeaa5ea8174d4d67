"""Generation of synthetic sets."""

import re
from contextlib import suppress
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Response

from service.api.authorization import GuardedRoute
from service.api.dependencies import IdempotencyKey, InContext, idempotency
from service.api.errors import documented
from service.api.shown_jobs import view
from service.api.threads import run_writing
from service.api.views.job import JobView
from service.api.views.release import PlanView
from service.api.waiting.waiting import MAX_WAIT_SECONDS, InWaiting
from service.context import AppContext
from service.domain import errors
from service.domain.job import Job
from service.domain.requests import GenerateRequest
from service.usecases.submissions import Submission, submit_generation
from service.validation.generate import GenerateBody, complete
from service.validation.outlook import outlook

router = APIRouter(tags=["generation"], route_class=GuardedRoute)

Prefer = Annotated[
    str | None,
    Header(
        alias="Prefer",
        description=f"`wait=N` holds the answer up to N (at most {MAX_WAIT_SECONDS}) seconds "
        "for the job to be done (RFC 7240).",
        examples=["wait=10"],
    ),
]


@router.post(
    "/generate",
    operation_id="generate",
    status_code=202,
    responses={
        200: {"model": JobView, "description": "The job is done, within the time preferred."},
        **documented(
            errors.ModelNotFound,
            errors.DatasetGone,
            errors.ExaminationsSpent,
            errors.InvalidRequest,
            errors.UnknownClass,
            errors.InvalidClassCounts,
            errors.InvalidMixture,
            errors.CannotPass,
            errors.UnknownSampler,
            errors.UpscaleUnavailable,
            errors.PrivacyUnavailable,
            errors.ExtractorUnavailable,
            errors.ArtifactsUnavailable,
            errors.IdempotencyConflict,
            errors.QuotaExceeded,
            http=[400, 413],
        ),
    },
)
async def generate(
    body: GenerateBody,
    context: InContext,
    waiting: InWaiting,
    response: Response,
    idempotency_key: IdempotencyKey = None,
    prefer: Prefer = None,
) -> JobView:
    """Make a labelled synthetic set with a trained model.

    Images of classes are labelled. Mixtures of classes and interpolations have folders of their
    own in the set, carry no label and count towards no class.
    The same request always yields the same set, byte for byte; one that exists is not made again.
    Every set is evaluated before it can be downloaded: its `verdict` says whether it is released.
    The number of examined sets of a model is limited, since each is a chance to miss copies.
    """
    asked = body.model_dump(mode="json", exclude={"labels"})
    submission = Submission(idempotency(idempotency_key, "generate", asked), body.labels)
    job = await run_writing(submit_generation, context, submission, body)
    seconds = preferred_wait_seconds(prefer)
    if seconds:
        with suppress(errors.TooManyStreams):  # it is there, and a preference may be ignored
            job = await waiting.for_job(context, job.id, lambda job: job.state.done, seconds)
        if job.state.done:
            response.status_code = 200
            response.headers["Preference-Applied"] = f"wait={seconds}"
    return await run_sync(_shown, context, job)


@router.post(
    "/generate/plan",
    operation_id="plan_generation",
    responses=documented(
        errors.ModelNotFound,
        errors.DatasetGone,
        errors.InvalidRequest,
        errors.UnknownClass,
        errors.InvalidClassCounts,
        errors.InvalidMixture,
        errors.CannotPass,
        errors.UnknownSampler,
        errors.UpscaleUnavailable,
        errors.PrivacyUnavailable,
        errors.ExtractorUnavailable,
        http=[400, 413],
    ),
)
def plan_generation(body: GenerateBody, context: InContext) -> PlanView:
    """Say whether a set can pass by its counts alone, and with which counts it can; make nothing.

    A set that can pass by its counts may still be refused for what its images show.
    """
    return PlanView.of(outlook(context, complete(context, body)))


def _shown(context: AppContext, job: Job) -> JobView:
    """Show a job with what is known of its set before it is made."""
    shown = view(context, job)
    if job.state.done or not isinstance(job.request, GenerateRequest):
        return shown
    return shown.model_copy(update={"warnings": list(outlook(context, job.request).sentences)})


def preferred_wait_seconds(prefer: str | None) -> int:
    """Read `wait=N` out of a Prefer header; preferences we do not know are ignored."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})\b", prefer or "", re.ASCII)
    return min(int(found[1]), MAX_WAIT_SECONDS) if found else 0
