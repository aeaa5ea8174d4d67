"""`synthcxr sets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.files import Force, refuse_to_replace
from synthcxr.cli.list_command import add_list
from synthcxr.cli.options import Json, Timeout, Url, Wait
from synthcxr.cli.output import Form, Output, print_view, print_views, say
from synthcxr.cli.progress import finish
from synthcxr.cli.saved_sets import save
from synthcxr.client import Client
from synthcxr.resources import Approvals

app = typer.Typer(help="Synthetic sets.", no_args_is_help=True)


add_list(
    app,
    lambda client: client.sets.list(),
    ("id", "num_images", "class_counts", "unlabelled_counts", "verdict", "model_id", "created_at"),
    "List the synthetic sets, newest first.",
)


@app.command()
def show(set_id: str, url: Url = None) -> None:
    """Print a synthetic set."""
    with Client(url) as client:
        print_view(client.sets.get(set_id))


@app.command()
def download(
    set_id: str,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The ZIP to write, or a folder for it.")
    ],
    force: Force = False,
    url: Url = None,
) -> None:
    """Download a set and verify every file in it."""
    with Client(url) as client:
        output = save(client, set_id, output, force=force)
    print(output)


@app.command()
def report(
    set_id: str,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The page to write; figures if it ends in .json.")
    ],
    force: Force = False,
    url: Url = None,
) -> None:
    """Save the report of a set, whatever the verdict."""
    refuse_to_replace(output, force=force)
    with Client(url) as client:
        client.sets.save_report(set_id, output)
    print(output)


@app.command()
def certificate(
    set_id: str,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The PDF to write; or a .html or .json file.")
    ],
    recipient: Annotated[
        str | None, typer.Option(help="For whom it is issued; it is printed on it.")
    ] = None,
    force: Force = False,
    url: Url = None,
) -> None:
    """Save the certificate of a set, dated today, with room for signatures."""
    refuse_to_replace(output, force=force)
    with Client(url) as client:
        client.sets.save_certificate(set_id, output, recipient)
    print(output)


@app.command()
def findings(set_id: str, url: Url = None) -> None:
    """Print what the gate saw image by image; needs the scope private:read."""
    with Client(url) as client:
        print_view(client.sets.findings(set_id))


@app.command()
def approvals(
    set_id: str, output: Output = Form.TABLE, as_json: Json = False, url: Url = None
) -> None:
    """List who approved a set, and say how many have to."""
    with Client(url) as client:
        _show(client.sets.approvals(set_id), output, as_json=as_json)


@app.command()
def approve(
    set_id: str, output: Output = Form.TABLE, as_json: Json = False, url: Url = None
) -> None:
    """Approve a released set in your own name, for good; needs the scope release:approve."""
    with Client(url) as client:
        _show(client.sets.approve(set_id), output, as_json=as_json)


@app.command()
def push(
    set_id: str,
    server: Annotated[
        str, typer.Option(help="Name of a DICOMweb server in the service's settings.")
    ],
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Send the DICOM files of a released set to a PACS, and print the job's id."""
    with Client(url) as client:
        job = client.sets.push(set_id, server)
        if wait:
            job = finish(client, job, quiet=as_json, timeout_seconds=timeout)
    if as_json:
        print_view(job)
    else:
        say(f"job {job.id} {job.state}")
        print(job.id)


@app.command()
def delete(set_id: str, url: Url = None) -> None:
    """Delete a synthetic set and its ZIP."""
    with Client(url) as client:
        client.sets.delete(set_id)


def _show(found: Approvals, output: Form, *, as_json: bool) -> None:
    """Print approvals; as JSON with how many there have to be."""
    if as_json or output is Form.JSON:
        print_view(found)
        return
    print_views(found.items, ("by", "at"), output)
    say(f"{len(found.items)} of {found.required} required approvals")
