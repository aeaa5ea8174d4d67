"""Webhooks are made, given new secrets, enabled and deleted, each by an entry of the audit log."""

from dataclasses import dataclass
from datetime import timedelta

from service.context import AppContext
from service.domain.audit import leading_to
from service.domain.identifiers import new_id
from service.domain.webhooks import Webhook, WebhookEvent, new_secret


@dataclass(frozen=True, slots=True)
class IssuedWebhook:
    """A webhook with its secret, which is not shown again.

    Attributes:
        webhook: What is kept of it.
        secret: What its receiver checks messages with.
    """

    webhook: Webhook
    secret: str


def create_webhook(
    context: AppContext, url: str, events: tuple[WebhookEvent, ...]
) -> IssuedWebhook:
    """Make a webhook of the caller's tenant.

    Raises:
        WebhookTargetRefused: It may not lead there.
        TooManyWebhooks: The tenant has enough.
        StorageFull: The key of the secrets cannot be written.
    """
    target = context.webhook_rules.target(url)
    name, secret = new_id("wh"), new_secret()
    webhook = Webhook(
        id=name,
        tenant=context.caller.tenant,
        url=url,
        events=tuple(dict.fromkeys(events)),
        created_at=context.clock.now(),
        created_by=context.caller.id,
        secret=context.secret_box.seal(secret, name),
    )
    context.records.webhooks.add(webhook, context.entry(name, leading_to(target.authority)))
    return IssuedWebhook(webhook, secret)


def rotate_secret(context: AppContext, webhook_id: str, grace: timedelta) -> IssuedWebhook:
    """Give a webhook a new secret.

    Args:
        context: The ports.
        webhook_id: The webhook.
        grace: How long messages are signed with the present secret as well.
    """
    secret, now = new_secret(), context.clock.now()
    sealed = context.secret_box.seal(secret, webhook_id)
    changed = context.records.webhooks.change(
        webhook_id, lambda there: there.rotated(sealed, now, grace), context.entry(webhook_id)
    )
    return IssuedWebhook(changed, secret)


def enable_webhook(context: AppContext, webhook_id: str) -> Webhook:
    """Let messages be sent to a webhook whose receiver is back; one that is enabled stays so."""
    entry = context.entry(webhook_id)
    return context.records.webhooks.change(webhook_id, Webhook.enabled, entry)


def delete_webhook(context: AppContext, webhook_id: str) -> None:
    """Remove a webhook; what waits for it is not delivered."""
    context.records.webhooks.delete(webhook_id, context.entry(webhook_id))
