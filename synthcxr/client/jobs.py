"""Jobs: the work that the service accepted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.flow import Emit, Flow, Sleep, Stream, next_message
from synthcxr.client.wire import Call, Wire, create, get, pages, path_of, read, send
from synthcxr.errors import ServiceUnreachable, WaitTimedOut
from synthcxr.resources import Event, EventPage, Job

# A long poll that asks for more than a second would make a progress bar stutter.
POLL_SECONDS = 1
# How long `wait` puts up with a service that is being restarted.
OUTAGE_SECONDS = 60.0
# How soon a stream that ended early is asked for again.
RESUME_SECONDS = 0.2


def list_jobs(wire: Wire, *, kind: str | None = None, state: str | None = None) -> Stream[Job]:
    """List the jobs, newest first.

    Args:
        kind: Only ingest, train, prepare, preview, generate, score or push.
        state: Only those that are queued, running, cancelling, succeeded, failed or cancelled.
    """
    return pages(wire, Job, get("jobs", kind=kind, state=state))


def get_job(wire: Wire, job_id: str, *, wait: int = 0) -> Flow[Job]:
    """Read a job.

    Args:
        job_id: The job.
        wait: Seconds, 0 to 30, that the service may hold the answer until the job is done.
    """
    return read(wire, Job, get("jobs", job_id, wait=wait or None))


def wait_for_job(
    wire: Wire,
    job_id: str,
    on_progress: Callable[[Job], None] | None = None,
    *,
    timeout_seconds: float | None = None,
) -> Flow[Job]:
    """Follow a job to its end, through restarts of the service.

    Args:
        job_id: The job.
        on_progress: Called with the job about once a second, and at its end.
        timeout_seconds: How long to wait at most; the job goes on in any case.

    Returns:
        The job, done: succeeded, failed or cancelled. `raise_unless_succeeded` makes an error of
        the last two.

    Raises:
        ServiceUnreachable: The service was gone for a minute.
        WaitTimedOut: The job is not done yet.
    """
    began = last_answer = time.monotonic()
    while True:
        asked = time.monotonic()
        try:
            job = yield from get_job(wire, job_id, wait=POLL_SECONDS)
            last_answer = time.monotonic()
        except ServiceUnreachable:
            if time.monotonic() - last_answer > OUTAGE_SECONDS:
                raise
        else:
            if on_progress:
                on_progress(job)
            if job.done:
                return job
        if timeout_seconds is not None and time.monotonic() - began >= timeout_seconds:
            raise WaitTimedOut(job_id, timeout_seconds)
        # The service may answer sooner than asked; we do not ask faster than twice a second.
        yield Sleep(max(0.0, asked + POLL_SECONDS / 2 - time.monotonic()))


def cancel_job(wire: Wire, job_id: str) -> Flow[Job]:
    """Ask a job to stop; training keeps its last checkpoint."""
    return read(wire, Job, create("jobs", job_id, "cancel"))


def retry_job(wire: Wire, job_id: str) -> Flow[Job]:
    """Run a failed or cancelled job again, from its newest checkpoint."""
    return read(wire, Job, create("jobs", job_id, "retry"))


def delete_job(wire: Wire, job_id: str) -> Flow[None]:
    """Delete a finished job and its log; what it made stays."""
    yield from send(wire, Call("DELETE", path_of("jobs", job_id)))


def list_events(wire: Wire, job_id: str, *, after: int = 0) -> Stream[Event]:
    """List a job's log so far.

    Args:
        job_id: The job.
        after: Leave out events up to this sequence number.
    """
    while True:
        page = yield from read(wire, EventPage, get("jobs", job_id, "events", after=after))
        for event in page.items:
            yield Emit(event)
        if not page.items:
            return
        after = page.items[-1].sequence


def stream_events(wire: Wire, job_id: str, *, after: int = 0) -> Stream[Event]:
    """Stream a job's log until the job is done, taking up a broken stream where it broke.

    Args:
        job_id: The job.
        after: Leave out events up to this sequence number.
    """
    path = path_of("jobs", job_id, "events")
    while True:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        try:
            call = Call("GET", path, headers=headers)
            response = yield from send(wire, call, whole=False)
            if response.status_code == httpx.codes.NO_CONTENT:
                return
            while message := (yield from next_message()):
                event = Event(**json.loads(message.data))
                after = event.sequence
                yield Emit(event)
                if event.kind == "done":
                    return
        except (ServiceUnreachable, httpx.TransportError):
            # Broken or idle too long: ask whether the service is still there.
            job = yield from get_job(wire, job_id)
            if job.done and not (yield from _has_events(wire, job_id, after)):
                return
        yield Sleep(RESUME_SECONDS)


def _has_events(wire: Wire, job_id: str, after: int) -> Flow[bool]:
    page = yield from read(wire, EventPage, get("jobs", job_id, "events", after=after))
    return bool(page.items)


class Jobs(Group):
    """The work that the service accepted."""

    list = Items(list_jobs)
    get = Answer(get_job)
    wait = Answer(wait_for_job)
    cancel = Answer(cancel_job)
    retry = Answer(retry_job)
    delete = Answer(delete_job)
    events = Items(list_events)
    stream = Items(stream_events)


class AsyncJobs(AsyncGroup):
    """The work that the service accepted."""

    list = AsyncItems(list_jobs)
    get = AsyncAnswer(get_job)
    wait = AsyncAnswer(wait_for_job)
    cancel = AsyncAnswer(cancel_job)
    retry = AsyncAnswer(retry_job)
    delete = AsyncAnswer(delete_job)
    events = AsyncItems(list_events)
    stream = AsyncItems(stream_events)
