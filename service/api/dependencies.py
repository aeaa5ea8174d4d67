"""What endpoints depend on: the application context, an idempotency key, a page."""

import hashlib
import json
from dataclasses import replace
from typing import Annotated, Any, cast

from fastapi import Depends, Header, Path, Query, Request
from pydantic import StringConstraints

from service import examples
from service.context import AppContext
from service.domain.job_ports import Idempotency


async def service_of(request: Request) -> AppContext:
    """Return the ports of the running service, for what is asked of the service itself."""
    return cast("AppContext", request.app.state.context)


async def context_of(request: Request) -> AppContext:
    """Return the ports as a request's caller may use them: with the records of their tenant.

    Who calls is settled before: see `authorization.GuardedRoute`.
    """
    return about(request, (await service_of(request)).of_caller(request.state.caller))


def about(request: Request, context: AppContext) -> AppContext:
    """Let a context say what a request asks for and from where, for the audit log."""
    return replace(
        context,
        origin=request.client.host if request.client else None,
        operation=getattr(request.scope.get("route"), "operation_id", None) or "",
    )


InContext = Annotated[AppContext, Depends(context_of)]
OfService = Annotated[AppContext, Depends(service_of)]

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")]
    | None,
    Header(
        alias="Idempotency-Key",
        description="Your own name for this request: sent again with the same body, it is carried "
        "out once and answered with the same job.",
        examples=["b1b0c3de-0d0c-4f1e-9f55-3a8f6e1f7a11"],
    ),
]

Cursor = Annotated[
    Annotated[str, StringConstraints(max_length=100)] | None,
    Query(description="The next_cursor of the page before."),
]
Limit = Annotated[int, Query(ge=1, le=200, description="Records per page.", examples=[50])]


def identifier(example: str) -> Any:
    """Describe an identifier in a path; one that is ill-formed is simply unknown."""
    return Path(max_length=200, examples=[example], pattern=r"^[^\x00]*$")


JobId = Annotated[str, identifier(examples.JOB_ID)]
KeyId = Annotated[str, identifier(examples.KEY_ID)]
DatasetId = Annotated[str, identifier(examples.DATASET_ID)]
ModelId = Annotated[str, identifier(examples.MODEL_ID)]
SetId = Annotated[str, identifier(examples.SET_ID)]
WebhookId = Annotated[str, identifier(examples.WEBHOOK_ID)]
MessageId = Annotated[str, identifier(examples.MESSAGE_ID)]
DeletionId = Annotated[str, identifier(examples.DELETION_ID)]
Cascade = Annotated[
    bool, Query(description="Whether what was made of it goes too, and all jobs about it.")
]


def idempotency(key: str | None, operation: str, body: Any) -> Idempotency | None:
    """Tie a client's key to its request."""
    if key is None:
        return None
    asked = json.dumps([operation, body], sort_keys=True, default=str)
    return Idempotency(key, hashlib.sha256(asked.encode()).hexdigest())
