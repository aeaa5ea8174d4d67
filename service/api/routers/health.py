"""Whether the service lives, can serve, and which one it is."""

from fastapi import APIRouter, Request, Response

from service.api.authorization import GuardedRoute
from service.api.dependencies import OfService
from service.api.errors import problems
from service.api.views.health import HealthView, ReadinessView, VersionView
from service.context import AppContext
from service.domain import errors
from service.domain.readiness import Condition

router = APIRouter(tags=["health"], route_class=GuardedRoute)


@router.get("/healthz", operation_id="healthz")
async def healthz() -> HealthView:
    """Say that the process answers; this touches nothing else."""
    return HealthView(status="ok")


@router.get("/readyz", operation_id="readyz", responses=problems(errors.RecordsUnavailable))
def readyz(context: OfService) -> ReadinessView:
    """Say whether the database serves this version, and what else is amiss.

    What degrades the service is no reason to stop asking it: jobs wait, and nothing is lost. No
    set can be asked for while the file of an extractor cannot be read.
    """
    context.records.database.check()
    extractors = {each.name: each.readable for each in context.extractors}
    workers = context.records.workers
    condition = Condition(
        workers=workers.all(),
        scheduler_is_late=context.records.jobs.scheduler_is_late(),
        clock_ahead_seconds=workers.clock_ahead_seconds(),
        broker_reachable=context.queue.reachable(),
        artifacts_problem=_artifacts_problem(context),
        free_bytes=context.artifacts.free_bytes(),
        min_free_bytes=context.min_free_bytes,
        unreadable_extractors=[name for name, readable in extractors.items() if not readable],
    )
    return ReadinessView.of(condition, context.records.jobs.num_queued())


def _artifacts_problem(context: AppContext) -> str | None:
    try:
        context.artifacts.check()
    except errors.ArtifactsUnavailable as error:
        return error.message
    return None


@router.get("/version", operation_id="version")
async def version(context: OfService) -> VersionView:
    """Say which version this is."""
    return VersionView(name="synthcxr", version=context.version)


@router.get(
    "/openapi.yaml",
    operation_id="openapi",
    response_class=Response,
    responses={
        200: {
            "content": {
                "application/yaml": {
                    "schema": {"$ref": "#/components/schemas/ApiDescription"},
                    "example": {"openapi": "3.1.0"},
                }
            }
        },
    },
)
def openapi(request: Request) -> Response:
    """Read this description."""
    return Response(request.app.state.openapi_yaml(), media_type="application/yaml")
