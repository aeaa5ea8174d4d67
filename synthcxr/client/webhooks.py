"""Webhooks: messages of the service to one's own systems."""

from __future__ import annotations

from collections.abc import Sequence

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.flow import Flow, Stream
from synthcxr.client.wire import Call, Wire, get, pages, path_of, read, send
from synthcxr.resources import IssuedWebhook, Webhook, WebhookDelivery

PATH = "webhooks"


def create_webhook(wire: Wire, url: str, events: Sequence[str] = ()) -> Flow[IssuedWebhook]:
    """Let the service send messages to a URL; needs the scope admin.

    Args:
        url: Where they go: https, a public host or one that the operator allows.
        events: Which messages, such as `set.released`; none: all.

    Returns:
        The webhook with its secret, which the service does not show again.
    """
    # without an Idempotency-Key, under which a secret would have to be kept
    body = {"url": url, "events": list(events)}
    return read(wire, IssuedWebhook, Call("POST", path_of(PATH), json=body))


def list_webhooks(wire: Wire) -> Stream[Webhook]:
    """List the webhooks, newest first."""
    return pages(wire, Webhook, get(PATH))


def get_webhook(wire: Wire, webhook_id: str) -> Flow[Webhook]:
    """Read what is known of a webhook."""
    return read(wire, Webhook, get(PATH, webhook_id))


def delete_webhook(wire: Wire, webhook_id: str) -> Flow[None]:
    """Delete a webhook; what waits for it is not sent."""
    yield from send(wire, Call("DELETE", path_of(PATH, webhook_id)))


def rotate_webhook(
    wire: Wire, webhook_id: str, *, grace_seconds: int = 86_400
) -> Flow[IssuedWebhook]:
    """Give a webhook a new secret.

    Args:
        webhook_id: The webhook.
        grace_seconds: How long messages are signed with the present secret as well.
    """
    body = {"grace_seconds": grace_seconds}
    return read(wire, IssuedWebhook, Call("POST", path_of(PATH, webhook_id, "rotate"), json=body))


def enable_webhook(wire: Wire, webhook_id: str) -> Flow[Webhook]:
    """Let messages be sent again to a webhook whose receiver had said that it was gone.

    What was announced meanwhile is not sent; messages that died can be sent by `resend`.
    """
    return read(wire, Webhook, Call("POST", path_of(PATH, webhook_id, "enable")))


def test_webhook(wire: Wire, webhook_id: str) -> Flow[WebhookDelivery]:
    """Send the message `webhook.ping`; `deliveries` says within seconds what became of it."""
    return read(wire, WebhookDelivery, Call("POST", path_of(PATH, webhook_id, "test")))


def list_deliveries(wire: Wire, webhook_id: str) -> Stream[WebhookDelivery]:
    """List the messages to a webhook, newest first."""
    return pages(wire, WebhookDelivery, get(PATH, webhook_id, "deliveries"))


def resend(wire: Wire, webhook_id: str, message_id: str) -> Flow[WebhookDelivery]:
    """Send a message once more, under the same id."""
    path = path_of(PATH, webhook_id, "deliveries", message_id, "resend")
    return read(wire, WebhookDelivery, Call("POST", path))


class Webhooks(Group):
    """Webhooks."""

    create = Answer(create_webhook)
    list = Items(list_webhooks)
    get = Answer(get_webhook)
    delete = Answer(delete_webhook)
    rotate = Answer(rotate_webhook)
    enable = Answer(enable_webhook)
    test = Answer(test_webhook)
    deliveries = Items(list_deliveries)
    resend = Answer(resend)


class AsyncWebhooks(AsyncGroup):
    """Webhooks."""

    create = AsyncAnswer(create_webhook)
    list = AsyncItems(list_webhooks)
    get = AsyncAnswer(get_webhook)
    delete = AsyncAnswer(delete_webhook)
    rotate = AsyncAnswer(rotate_webhook)
    enable = AsyncAnswer(enable_webhook)
    test = AsyncAnswer(test_webhook)
    deliveries = AsyncItems(list_deliveries)
    resend = AsyncAnswer(resend)
