"""A job's log, as pages or as a stream (server-sent events)."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.types import Receive, Scope, Send

from service.api.authorization import CACHE_SECONDS, NEEDS, GuardedRoute, caller_of
from service.api.dependencies import InContext, JobId
from service.api.disclosure import shown_privately
from service.api.errors import documented
from service.api.threads import run_writing
from service.api.views.job import EventPage, EventView
from service.api.waiting.waiting import InWaiting, Waiting
from service.context import AppContext
from service.domain import access, errors
from service.domain.job import Event

router = APIRouter(tags=["jobs"], route_class=GuardedRoute)

_KEEPALIVE_SECONDS = 15.0
_MAX_SEQUENCE = 2**31 - 1
_ENTRIES_AT_ONCE = 500

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
        **documented(errors.JobNotFound, errors.TooManyStreams),
    },
)
async def list_events(
    request: Request,
    context: InContext,
    waiting: InWaiting,
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
        if _is_private(found):
            await run_writing(shown_privately, context, [job_id])
        items = [EventView.model_validate(access.event(context.scopes, event)) for event in found]
        return EventPage(items=items, next_after=items[-1].sequence if items else after)
    start = after if last_event_id is None else last_event_id
    if not await run_sync(lambda: context.records.jobs.events(job_id, after=start, limit=1)):
        job = await run_sync(context.records.jobs.job, job_id)
        if job.state.done:
            return Response(status_code=204)
    slot = ExitStack()
    slot.enter_context(waiting.slots.one_of(context.caller))
    return _JobStream(slot, _stream(request, waiting, context, job_id, start))


class _JobStream(EventSourceResponse):
    """A stream that gives its slot back however it ends."""

    def __init__(self, slot: ExitStack, content: AsyncIterator[bytes]) -> None:
        super().__init__(content)
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        with self._slot:
            await super().__call__(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _News:
    """Entries of a log, as messages of a stream.

    Attributes:
        messages: One after another.
        last: Sequence of the last one.
        more: Whether further entries are there already.
        ended: Whether there will be no further ones.
        private: Whether something in them needs the scope private:read.
    """

    messages: bytes
    last: int
    more: bool
    ended: bool
    private: bool


async def _stream(
    request: Request, waiting: Waiting, context: AppContext, job_id: str, after: int
) -> AsyncIterator[bytes]:
    """Send entries as they are written, until the job is done or deleted, or the key is revoked.

    A stream also ends when the database fails; its client resumes behind the last entry it got.
    """
    last_sent = last_asked = time.monotonic()
    recorded = False
    with waiting.watcher.watching(job_id) as changes:
        while True:
            changes.clear()
            try:
                news = await _shared_news(waiting, context, job_id, after)
                if news.private and not recorded:  # once a stream
                    await run_writing(shown_privately, context, [job_id])
                    recorded = True
            except (errors.JobNotFound, errors.RecordsUnavailable):
                return
            if news.messages:
                yield news.messages
                last_sent = time.monotonic()
            if news.ended:
                return
            after = news.last
            changed = news.more
            while not changed:
                changed = await changes.within(CACHE_SECONDS)
                if time.monotonic() - last_asked >= CACHE_SECONDS:
                    if not await _may_go_on(request):
                        return
                    last_asked = time.monotonic()
                if time.monotonic() - last_sent >= _KEEPALIVE_SECONDS:
                    yield KEEPALIVE_COMMENT
                    last_sent = time.monotonic()


async def _may_go_on(request: Request) -> bool:
    try:
        await caller_of(request, NEEDS["list_events"])
    except errors.SyntheticDataError:
        return False
    return True


async def _shared_news(waiting: Waiting, context: AppContext, job_id: str, after: int) -> _News:
    """Read what is new, once for all streams of a job that are equally far."""
    caller = context.caller
    asked = (caller.tenant, caller.scopes, job_id, after, waiting.watcher.revision(job_id))
    news: _News = await waiting.reads.read(asked, partial(_news, context, job_id, after))
    return news


def _news(context: AppContext, job_id: str, after: int) -> _News:
    """Read the entries of a log behind one of them."""
    jobs = context.records.jobs
    job = jobs.job(job_id)  # before its log: no entry is missed
    found = jobs.events(job_id, after=after, limit=_ENTRIES_AT_ONCE)
    messages = b"".join(_message(access.event(context.scopes, event)) for event in found)
    more = len(found) == _ENTRIES_AT_ONCE
    last = found[-1].sequence if found else after
    ended = job.state.done and not more
    return _News(messages, last, more, ended, _is_private(found))


def _is_private(found: Sequence[Event]) -> bool:
    """Say whether previews are among some entries."""
    return any(access.event(frozenset(), event) != event for event in found)


def _message(event: Event) -> bytes:
    data = EventView.model_validate(event).model_dump_json()
    return format_sse_event(data_str=data, event=str(event.kind), id=str(event.sequence))
