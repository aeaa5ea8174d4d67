"""Whether the service lives, can serve, and which one it is."""

from fastapi import APIRouter, Request, Response

from service.api.dependencies import InWorld
from service.api.errors import documented
from service.api.views import HealthView, ReadinessView, VersionView

router = APIRouter(tags=["health"])


@router.get("/healthz", operation_id="healthz")
async def healthz() -> HealthView:
    """Say that the process answers; this touches nothing else."""
    return HealthView(status="ok")


@router.get("/readyz", operation_id="readyz", responses=documented())
def readyz(world: InWorld) -> ReadinessView:
    """Say whether the database serves this version; without a broker jobs merely start later."""
    world.records.check()
    broker = "reachable" if world.queue.reachable() else "unreachable"
    return ReadinessView(status="ready", broker=broker)


@router.get("/version", operation_id="version")
async def version(world: InWorld) -> VersionView:
    """Say which version this is."""
    return VersionView(name="synthcxr", version=world.version)


@router.get(
    "/openapi.yaml",
    operation_id="openapi",
    response_class=Response,
    responses={
        200: {
            "content": {
                "application/yaml": {
                    "schema": {"type": "object"},
                    "example": {"openapi": "3.1.0"},
                }
            }
        },
    },
)
def openapi(request: Request) -> Response:
    """Read this description."""
    return Response(request.app.state.openapi_yaml(), media_type="application/yaml")
