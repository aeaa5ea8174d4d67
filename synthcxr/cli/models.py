"""`synthcxr models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.deletions import Cascade, Receipt, report
from synthcxr.cli.options import Json, Url
from synthcxr.cli.output import print_view, print_views, say
from synthcxr.client import DEFAULT_URL, Client

app = typer.Typer(help="Trained models.", no_args_is_help=True)


@app.command("list")
def list_(as_json: Json = False, url: Url = DEFAULT_URL) -> None:
    """List the models, newest first."""
    with Client(url) as client:
        columns = ("id", "family", "image_size", "classes", "images_seen", "dataset_id")
        print_views(client.models.list(), columns, as_json=as_json)


@app.command()
def show(model_id: str, url: Url = DEFAULT_URL) -> None:
    """Print a model and its card."""
    with Client(url) as client:
        print_view(client.models.get(model_id))


@app.command()
def audit(model_id: str, url: Url = DEFAULT_URL) -> None:
    """Print the privacy audit of a model, and the verdicts of its sets."""
    with Client(url) as client:
        print_view(client.models.audit(model_id))


@app.command()
def weights(
    model_id: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="The safetensors file to write.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Save a model's weights and, in a JSON file beside them, why they were released and the terms.

    Needs the scope weights:read, and an audit or differential privacy that clears them.
    """
    with Client(url) as client:
        clearance = client.models.save_weights(model_id, output).clearance
    say(f"cleared by {clearance.ground}: {clearance.text}")
    say(clearance.notice)
    print(output)


@app.command()
def delete(
    model_id: str,
    cascade: Cascade = False,
    receipt: Receipt = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Delete a model and its weights, say what stays, and print the deletion's id."""
    with Client(url) as client:
        report(client.models.delete(model_id, cascade=cascade), receipt)
