"""`synthcxr audit`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from synthcxr.audit_chain import verify_chains
from synthcxr.cli.deletions import PublicKeys, read_keys, read_receipt
from synthcxr.cli.files import Force, refuse_to_replace
from synthcxr.cli.list_command import add_list
from synthcxr.cli.options import Url
from synthcxr.cli.output import say
from synthcxr.client import Client
from synthcxr.errors import CannotStart
from synthcxr.server_packages import command_of, require_server

app = typer.Typer(help="What was done, and by whom.", no_args_is_help=True)


add_list(
    app,
    lambda client: client.audit_log.list(),
    ("sequence", "at", "actor", "action", "target", "outcome", "origin"),
    "List the newest entries; needs the scope admin.",
)


@app.command()
def export(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    force: Force = False,
    url: Url = None,
) -> None:
    """Save the whole log with its signed end, for `synthcxr audit verify`; needs the scope admin.

    Keep it elsewhere: what is cut off or rewritten later no longer fits it.
    """
    refuse_to_replace(output, force=force)
    with Client(url) as client:
        num_entries = client.audit_log.save(output)
    say(f"{num_entries} entries")
    print(output)


@app.command()
def verify(
    path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="What `audit export` wrote.")
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(exists=True, help="Check the database of this data directory instead."),
    ] = None,
    public_key: PublicKeys = None,
    receipt: Annotated[
        list[Path] | None,
        typer.Option(help="A receipt of a deletion: the log must hold what it names. Repeatable."),
    ] = None,
) -> None:
    """Check that no entry was changed, added, left out or cut off; needs no running service."""
    if (path is None) == (data_dir is None):
        raise typer.BadParameter("give one of FILE and --data-dir")
    keys = read_keys(public_key)
    receipts = [read_receipt(file, keys) for file in receipt or ()]
    lines = path.read_text().splitlines() if path else _lines_of_database(data_dir or Path())
    for chain in verify_chains(lines, keys, receipts):
        print(f"tenant {chain.tenant}: {chain.num_entries} entries, unbroken; end {chain.head}")
    if not keys:
        say("Give a key you have from the service itself to check the signature: --public-key.")


def _lines_of_database(data_dir: Path) -> Sequence[str]:
    """Let the server's packages print the log.

    Raises:
        ServerMissing: They are not installed.
        CannotStart: They cannot.
    """
    require_server("`synthcxr audit verify --data-dir`", "service")
    answer = subprocess.run(
        command_of("service", "audit"),
        env={**os.environ, "SYNTHCXR_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    if answer.returncode:
        raise CannotStart("The audit log could not be read from the database.")
    return answer.stdout.splitlines()
