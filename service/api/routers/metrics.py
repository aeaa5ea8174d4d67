"""What Prometheus reads: the figures of the records at the time of the scrape, and our requests."""

from typing import cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from service.api.authorization import GuardedRoute
from service.api.errors import documented
from service.domain.errors import ScopeMissing

router = APIRouter(tags=["health"], route_class=GuardedRoute)


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={
        **documented(ScopeMissing),
        200: {
            "content": {
                CONTENT_TYPE_PLAIN_0_0_4: {
                    "schema": {"type": "string"},
                    "example": 'synthcxr_jobs{kind="train",state="queued"} 2.0\n',
                }
            }
        },
    },
)
def metrics(request: Request) -> Response:
    """Read the metrics of the service, in the text format of Prometheus; needs `metrics:read`.

    A database that is away is a metric too: `synthcxr_database_up` is 0, and what would be read
    from it is absent.
    """
    registry = cast("CollectorRegistry", request.app.state.metrics)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
