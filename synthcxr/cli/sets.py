"""`synthcxr sets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.generate import save
from synthcxr.cli.options import Json, Url, Wait
from synthcxr.cli.output import print_view, print_views, say
from synthcxr.cli.progress import finish
from synthcxr.client import DEFAULT_URL, Client

app = typer.Typer(help="Synthetic sets.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False, url: Url = DEFAULT_URL) -> None:
    """List the synthetic sets, newest first."""
    with Client(url) as client:
        columns = (
            "id",
            "num_images",
            "class_counts",
            "unlabelled_counts",
            "verdict",
            "model_id",
            "created_at",
        )
        print_views(client.sets.list(), columns, as_json=as_json)


@app.command()
def show(set_id: str, url: Url = DEFAULT_URL) -> None:
    """Print a synthetic set."""
    with Client(url) as client:
        print_view(client.sets.get(set_id))


@app.command()
def download(
    set_id: str,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The ZIP to write, or a folder for it.")
    ],
    url: Url = DEFAULT_URL,
) -> None:
    """Download a set and verify every file in it."""
    with Client(url) as client:
        output = save(client, set_id, output)
    print(output)


@app.command()
def report(
    set_id: str,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The page to write; figures if it ends in .json.")
    ],
    url: Url = DEFAULT_URL,
) -> None:
    """Save the report of a set, whatever the verdict."""
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
    url: Url = DEFAULT_URL,
) -> None:
    """Save the certificate of a set, dated today, with room for signatures."""
    with Client(url) as client:
        client.sets.save_certificate(set_id, output, recipient)
    print(output)


@app.command()
def findings(set_id: str, url: Url = DEFAULT_URL) -> None:
    """Print what the gate saw image by image; needs the scope private:read."""
    with Client(url) as client:
        print_view(client.sets.findings(set_id))


@app.command()
def push(
    set_id: str,
    server: Annotated[
        str, typer.Option(help="Name of a DICOMweb server in the service's settings.")
    ],
    wait: Wait = False,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
) -> None:
    """Send the DICOM files of a released set to a PACS, and print the job's id."""
    with Client(url) as client:
        job = client.sets.push(set_id, server)
        if wait:
            job = finish(client, job, quiet=as_json)
    if as_json:
        print_view(job)
    else:
        say(f"job {job.id} {job.state}")
        print(job.id)


@app.command()
def delete(set_id: str, url: Url = DEFAULT_URL) -> None:
    """Delete a synthetic set and its ZIP."""
    with Client(url) as client:
        client.sets.delete(set_id)
