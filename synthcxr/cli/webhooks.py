"""`synthcxr webhooks`: messages of the service to one's own systems."""

from __future__ import annotations

from typing import Annotated

import typer

from synthcxr.cli.options import Json, Url
from synthcxr.cli.output import DEFAULT_LIMIT, Form, Limit, Output, print_view, print_views, say
from synthcxr.client import Client
from synthcxr.resources import IssuedWebhook, WebhookDelivery

app = typer.Typer(
    help="Webhooks: messages of the service to your own systems.", no_args_is_help=True
)


@app.command()
def create(
    to: Annotated[str, typer.Argument(metavar="URL", help="Where messages go, by https.")],
    event: Annotated[
        list[str] | None,
        typer.Option(
            "--event",
            help="job.succeeded, job.failed, job.cancelled, set.released, set.refused or "
            "set.inconclusive; repeatable, by default all.",
        ),
    ] = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Make a webhook, and print its secret once."""
    with Client(url) as client:
        _show(client.webhooks.create(to, event or ()), as_json=as_json)


@app.command("list")
def list_(
    output: Output = Form.TABLE,
    limit: Limit = DEFAULT_LIMIT,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """List the webhooks, newest first."""
    with Client(url) as client:
        columns = ("id", "url", "events", "created_at", "created_by", "disabled_reason")
        print_views(client.webhooks.list(), columns, output, as_json=as_json, limit=limit)


@app.command()
def delete(webhook_id: str, url: Url = None) -> None:
    """Delete a webhook; what waits for it is not sent."""
    with Client(url) as client:
        client.webhooks.delete(webhook_id)


@app.command()
def rotate(
    webhook_id: str,
    grace_seconds: Annotated[
        int,
        typer.Option(min=0, help="How long messages are signed with the present secret as well."),
    ] = 86_400,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Give a webhook a new secret, and print it once."""
    with Client(url) as client:
        issued = client.webhooks.rotate(webhook_id, grace_seconds=grace_seconds)
        _show(issued, as_json=as_json)


@app.command()
def enable(webhook_id: str, as_json: Json = False, url: Url = None) -> None:
    """Let messages be sent again to a webhook whose receiver had said that it was gone."""
    with Client(url) as client:
        webhook = client.webhooks.enable(webhook_id)
    if as_json:
        print_view(webhook)
        return
    say(f"messages go to {webhook.url} again; try it: synthcxr webhooks test {webhook.id}")
    print(webhook.id)


@app.command("test")
def ping(webhook_id: str, as_json: Json = False, url: Url = None) -> None:
    """Send a message that announces nothing, and print its id."""
    with Client(url) as client:
        _show_delivery(client.webhooks.test(webhook_id), as_json=as_json)


@app.command()
def deliveries(
    webhook_id: str,
    output: Output = Form.TABLE,
    limit: Limit = DEFAULT_LIMIT,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """List the messages to a webhook, newest first, and what became of them."""
    with Client(url) as client:
        columns = (
            *("id", "type", "state", "num_attempts", "last_status", "last_error"),
            *("next_attempt_at", "created_at"),
        )
        found = client.webhooks.deliveries(webhook_id)
        print_views(found, columns, output, as_json=as_json, limit=limit)


@app.command()
def resend(webhook_id: str, message_id: str, as_json: Json = False, url: Url = None) -> None:
    """Send a message once more, under the same id."""
    with Client(url) as client:
        _show_delivery(client.webhooks.resend(webhook_id, message_id), as_json=as_json)


def _show(issued: IssuedWebhook, *, as_json: bool) -> None:
    if as_json:
        print_view(issued)
        return
    say(f"webhook {issued.id} to {issued.url}; keep its secret, it is not shown again:")
    print(issued.secret)


def _show_delivery(delivery: WebhookDelivery, *, as_json: bool) -> None:
    if as_json:
        print_view(delivery)
        return
    say(f"what becomes of it: synthcxr webhooks deliveries {delivery.webhook_id}")
    print(delivery.id)
