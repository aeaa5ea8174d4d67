"""A job's log, as pages or as a stream (server-sent events)."""

import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event

from service.api.authorization import CACHE_SECONDS, NEEDS, GuardedRoute, caller_of
from service.api.dependencies import InContext, JobId
from service.api.disclosure import shown_privately
from service.api.errors import documented
from service.api.views import EventPage, EventView
from service.api.waiting import POLL_SECONDS
from service.context import AppContext
from service.domain import access, errors
from service.domain.job import Event

router = APIRouter(tags=["jobs"], route_class=GuardedRoute)

_KEEPALIVE_SECONDS = 15.0
_MAX_SEQUENCE = 2**31 - 1

After = Annotated[
    int, Query(ge=0, le=_MAX_SEQUENCE, description="Leave out entries up to this sequence.")
]
LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=_MAX_SEQUENCE,
        description="Where an earlier stream stopped; counts before `after`.",
        examples=[3],
    ),
]


@router.get(
    "/jobs/{job_id}/events",
    operation_id="list_events",
    response_model=EventPage,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "A page, or the stream of all entries until the job is done.",
        },
        204: {"description": "A stream was asked for, and the job is done: nothing more comes."},
        **documented(errors.JobNotFound, errors.InvalidRequest),
    },
)
async def list_events(
    request: Request,
    context: InContext,
    job_id: JobId,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    last_event_id: LastEventId = None,
) -> EventPage | Response:
    """Read a job's log as a page, or, with `Accept: text/event-stream`, as a stream.

    In a stream each message is one entry, and its id is the entry's sequence. The pictures of
    entries of kind `sample` are for callers with the scope `private:read`: they were not examined.
    """
    if "text/event-stream" not in request.headers.get("accept", "").lower():
        found = await run_sync(
            lambda: context.records.jobs.events(job_id, after=after, limit=limit)
        )
        await run_sync(_record_previews, context, job_id, found)
        items = [EventView.model_validate(access.event(context.scopes, event)) for event in found]
        return EventPage(items=items, next_after=items[-1].sequence if items else after)
    start = after if last_event_id is None else last_event_id
    if not await run_sync(lambda: context.records.jobs.events(job_id, after=start, limit=1)):
        job = await run_sync(context.records.jobs.job, job_id)
        if job.state.done:
            return Response(status_code=204)
    return EventSourceResponse(
        _stream(request, context, job_id, start), headers={"Cache-Control": "no-store"}
    )


def _record_previews(context: AppContext, job_id: str, found: Sequence[Event]) -> bool:
    """Record that previews are shown, if there are any and the caller may see them."""
    private = any(access.event(frozenset(), event) != event for event in found)
    if private:
        shown_privately(context, [job_id])
    return private


async def _stream(
    request: Request, context: AppContext, job_id: str, after: int
) -> AsyncIterator[bytes]:
    """Send entries as they are written, until the job is done or deleted, or the key is revoked."""
    records = context.records
    last_sent = last_asked = time.monotonic()
    recorded = False
    while True:
        if time.monotonic() - last_asked > CACHE_SECONDS:
            try:
                await caller_of(request, NEEDS["list_events"])
            except (errors.Unauthenticated, errors.ScopeMissing):
                return
            last_asked = time.monotonic()
        try:
            job = await run_sync(records.jobs.job, job_id)  # before its log: no entry is missed
            found = await run_sync(partial(records.jobs.events, job_id, after=after))
            if not recorded:  # once a stream
                recorded = await run_sync(_record_previews, context, job_id, found)
        except errors.JobNotFound:
            return
        for event in found:
            after = event.sequence
            data = EventView.model_validate(access.event(context.scopes, event)).model_dump_json()
            yield format_sse_event(data_str=data, event=str(event.kind), id=str(after))
        if not found:
            if job.state.done:
                return
            if time.monotonic() - last_sent > _KEEPALIVE_SECONDS:
                yield KEEPALIVE_COMMENT
                last_sent = time.monotonic()
            await anyio.sleep(POLL_SECONDS)
        else:
            last_sent = time.monotonic()
