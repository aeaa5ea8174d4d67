"""`synthcxr jobs`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from synthcxr.cli.interruption import interruptible, job_goes_on
from synthcxr.cli.options import Json, Timeout, Url
from synthcxr.cli.output import DEFAULT_LIMIT, Form, Limit, Output, print_view, print_views
from synthcxr.cli.progress import finish
from synthcxr.client import Client
from synthcxr.resources import Event

app = typer.Typer(help="Work the service accepted.", no_args_is_help=True)


@app.command("list")
def list_(
    kind: Annotated[
        str | None, typer.Option(help="ingest, train, prepare, preview, generate, score or push.")
    ] = None,
    state: Annotated[str | None, typer.Option(help="Such as running or failed.")] = None,
    output: Output = Form.TABLE,
    limit: Limit = DEFAULT_LIMIT,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """List the jobs, newest first."""
    with Client(url) as client:
        columns = ("id", "kind", "state", "attempt", "created_at", "finished_at")
        print_views(
            client.jobs.list(kind=kind, state=state), columns, output, as_json=as_json, limit=limit
        )


@app.command()
def show(job_id: str, url: Url = None) -> None:
    """Print a job."""
    with Client(url) as client:
        print_view(client.jobs.get(job_id))


@app.command()
def wait(
    job_id: str,
    timeout: Timeout = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Follow a job to its end, and print the id of what it made; a job that failed ends in 1."""
    with Client(url) as client:
        job = finish(client, client.jobs.get(job_id), quiet=as_json, timeout_seconds=timeout)
    if as_json:
        print_view(job)
    else:
        print(job.made_id or job.id)


@app.command()
def cancel(job_id: str, url: Url = None) -> None:
    """Ask a job to stop; training keeps its last checkpoint."""
    with Client(url) as client:
        print(client.jobs.cancel(job_id).state)


@app.command()
def retry(job_id: str, url: Url = None) -> None:
    """Run a failed or cancelled job again, from its newest checkpoint."""
    with Client(url) as client:
        print(client.jobs.retry(job_id).id)


@app.command()
def events(
    job_id: str,
    follow: Annotated[bool, typer.Option(help="Go on until the job is done.")] = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Print a job's log."""
    with Client(url) as client:
        stream = client.jobs.stream(job_id) if follow else client.jobs.events(job_id)
        with interruptible(job_goes_on(job_id)):
            for event in stream:
                print(event.model_dump_json() if as_json else _line(event), flush=True)


@app.command()
def delete(job_id: str, url: Url = None) -> None:
    """Delete a finished job and its log."""
    with Client(url) as client:
        client.jobs.delete(job_id)


def _line(event: Event) -> str:
    at = event.at.strftime("%H:%M:%S") if event.at else ""
    return f"{event.sequence:>6} {at} {event.kind:<10} {json.dumps(event.data)}"
