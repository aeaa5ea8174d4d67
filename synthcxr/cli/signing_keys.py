"""`synthcxr signing-keys`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.options import Json, Url
from synthcxr.cli.output import print_views
from synthcxr.cli.server import become
from synthcxr.client import Client

app = typer.Typer(help="The keys that sets are signed with.", no_args_is_help=True)


@app.command()
def show(as_json: Json = False, url: Url = None) -> None:
    """Print the public key that the service signs with; --json prints the older ones too."""
    with Client(url) as client:
        keys = client.signing_keys()
    if as_json:
        print_views(keys, (), as_json=True)
    else:
        print(keys[0].pem, end="")


@app.command()
def rotate(
    data_dir: Annotated[
        Path,
        typer.Option(envvar="SYNTHCXR_DATA_DIR", exists=True, help="Where the service keeps keys."),
    ] = Path("synthcxr-data"),
) -> None:
    """Sign with a new key from now on, and print its id; sets signed before still verify."""
    os.environ["SYNTHCXR_DATA_DIR"] = str(data_dir)
    become("service", "rotate-keys")
