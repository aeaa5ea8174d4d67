"""`synthcxr deletions`, and what commands that delete have in common."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.list_command import add_list
from synthcxr.cli.options import Url
from synthcxr.cli.output import print_view, say
from synthcxr.client import Client
from synthcxr.errors import NotSigned
from synthcxr.resources import Deletion
from synthcxr.statement import RECEIPT_TYPE, Statement, read_statement

app = typer.Typer(help="Deletions and their receipts.", no_args_is_help=True)

PublicKeys = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="A public key (PEM) that you trust: see `synthcxr signing-keys show`. Repeatable.",
    ),
]
Cascade = Annotated[
    bool, typer.Option("--cascade", help="With all that was made of it, and the jobs about it.")
]
Receipt = Annotated[Path | None, typer.Option("--receipt", help="A file for the signed receipt.")]


add_list(
    app,
    lambda client: client.deletions.list(),
    ("id", "kind", "target", "cascade", "requested_by", "created_at", "finished_at"),
    "List the deletions, newest first.",
)


@app.command()
def show(deletion_id: str, url: Url = None) -> None:
    """Print a deletion with its receipt."""
    with Client(url) as client:
        print_view(client.deletions.get(deletion_id))


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(metavar="RECEIPT", help="A saved receipt.")],
    public_key: PublicKeys = None,
) -> None:
    """Check the signature of a receipt and print what it says; needs no service."""
    receipt = read_receipt(path, read_keys(public_key))
    print(json.dumps(receipt.content, indent=2))
    say(str(receipt))
    if not receipt.confirmed:
        say("Give a key you have from the service itself to check the signature: --public-key.")


def read_keys(files: Sequence[Path] | None) -> list[bytes]:
    """Read public keys."""
    return [file.read_bytes() for file in files or ()]


def read_receipt(path: Path, public_keys: Sequence[bytes]) -> Statement:
    """Read a receipt: the envelope alone, or the deletion as the service answers with it.

    Raises:
        NotSigned: It is no receipt, or none of the keys signed it.
    """
    try:
        content = json.loads(path.read_bytes())
        envelope = content.get("receipt") or content
    except (ValueError, AttributeError) as error:
        raise NotSigned("it is no receipt") from error
    return read_statement(envelope, RECEIPT_TYPE, public_keys)


def report(deletion: Deletion, receipt: Path | None) -> None:
    """Say what went and what stayed, and save the receipt where that is asked for."""
    num_files = sum(each.num_files or 0 for each in deletion.removed)
    num_bytes = sum(each.num_bytes or 0 for each in deletion.removed)
    say(f"removed {len(deletion.removed)} records, {num_files} files, {num_bytes} bytes")
    for each in deletion.kept:
        say(f"kept {each.kind} ({each.id}): {each.why}")
    if receipt:
        receipt.write_text(deletion.model_dump_json(indent=2) + "\n")
    print(deletion.id)
