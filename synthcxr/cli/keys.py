"""`synthcxr keys`: API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from synthcxr.cli.list_command import add_list
from synthcxr.cli.options import Json, Url
from synthcxr.cli.output import print_view, say
from synthcxr.cli.server import become
from synthcxr.client import Client
from synthcxr.errors import SynthCXRError
from synthcxr.resources import ApiKey, IssuedKey, Webhook

app = typer.Typer(help="API keys: who may use the service, and for what.", no_args_is_help=True)

Scopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope",
        help="datasets, train, generate, private:read, weights:read, "
        "release:approve or admin; repeatable.",
    ),
]
Name = Annotated[str, typer.Option(help="A name for people.")]


@app.command()
def create(
    name: Name,
    scope: Scopes = None,
    expires_in_days: Annotated[
        int | None, typer.Option(min=1, help="By default it ends when it is revoked.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Make a key, and print its secret once."""
    if not scope:
        raise typer.BadParameter("give at least one --scope")
    with Client(url) as client:
        _show(client.keys.create(name, scope, expires_in_days=expires_in_days), as_json=as_json)


add_list(
    app,
    lambda client: client.keys.list(),
    ("id", "name", "scopes", "shown", "last_used_at", "expires_at", "revoked_at"),
    "List the keys, newest first, those that ended too.",
)


@app.command()
def show(key_id: str, url: Url = None) -> None:
    """Print what is known of a key; its secret is not."""
    with Client(url) as client:
        print_view(client.keys.get(key_id))


@app.command()
def rotate(
    key_id: str,
    grace_seconds: Annotated[
        int, typer.Option(min=0, help="How long the present secret is accepted beside the new one.")
    ] = 0,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Give a key a new secret, and print it once; the present one ends at once."""
    with Client(url) as client:
        _show(client.keys.rotate(key_id, grace_seconds=grace_seconds), as_json=as_json)


@app.command()
def revoke(key_id: str, url: Url = None) -> None:
    """End a key now, for good, and say which keys and webhooks that go back to it go on."""
    with Client(url) as client:
        client.keys.revoke(key_id)
        try:
            _name_what_goes_on(client, key_id)
        except SynthCXRError:  # such as that of a key which has just revoked itself
            say(
                "what it made goes on; with another key see created_by: synthcxr webhooks list, "
                "synthcxr keys list --output json"
            )


@app.command()
def bootstrap(
    name: Name = "first key",
    scope: Scopes = None,
    tenant: Annotated[str, typer.Option(help="Whose records it opens.")] = "default",
) -> None:
    """On the server: make a key past the API, straight in the database, and print it once.

    This is how the first administrator of a tenant gets a key. By default it has the scopes
    datasets, train, generate and admin; keys that it makes get no others.
    """
    scopes = [part for each in scope or () for part in ("--scope", each)]
    become("service", "create-key", "--name", name, "--tenant", tenant, *scopes)


def _name_what_goes_on(client: Client, key_id: str) -> None:
    """Name the keys and webhooks that a key made, and those that these keys made."""
    now = datetime.now(UTC)
    keys = list(client.keys.list())
    line = {key_id}  # with what it made, also what has ended and made others before
    while found := {key.id for key in keys if key.created_by in line} - line:
        line |= found
    for key in keys:
        ended = key.revoked_at or (key.expires_at and key.expires_at <= now)
        if key.id in line - {key_id} and not ended:
            say(
                f"{key.id}, {_made(key, key_id)}, goes on; to end it: synthcxr keys revoke {key.id}"
            )
    for webhook in client.webhooks.list():
        if webhook.created_by in line and not webhook.disabled_at:
            say(
                f"{webhook.id}, {_made(webhook, key_id)}, goes on and sends to {webhook.url}; to "
                f"end it: synthcxr webhooks delete {webhook.id}"
            )


def _made(record: ApiKey | Webhook, key_id: str) -> str:
    by = record.created_by
    return "which it made" if by == key_id else f"which {by} made, a key that goes back to it"


def _show(issued: IssuedKey, *, as_json: bool) -> None:
    if as_json:
        print_view(issued)
        return
    say(f"key {issued.id} for {', '.join(issued.scopes)}; keep its secret, it is not shown again:")
    print(issued.secret)
