"""Webhooks: make, list, try, enable and delete them, and see what was sent."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Body, Response

from service import examples, webhook_management
from service.api.authorization import GuardedRoute
from service.api.dependencies import Cursor, InContext, Limit, MessageId, WebhookId
from service.api.errors import documented
from service.api.threads import run_writing
from service.api.views.base import Page
from service.api.views.webhook import IssuedWebhookView, WebhookDeliveryView, WebhookView
from service.domain import errors
from service.validation.webhooks import RotateWebhookBody, WebhookBody

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=GuardedRoute)

_NO_STORE = {"Cache-Control": "no-store"}  # the answer holds a secret


@router.post(
    "",
    operation_id="create_webhook",
    status_code=201,
    responses=documented(
        errors.WebhookTargetRefused,
        errors.TooManyWebhooks,
        errors.StorageFull,
        errors.WebhookKeyLost,
        errors.InvalidRequest,
        http=[400, 413],
    ),
)
async def create_webhook(
    context: InContext, response: Response, body: WebhookBody
) -> IssuedWebhookView:
    """Let the service send messages to a URL; the answer shows the secret they are signed with.

    It is shown once. A lost answer leaves a webhook to delete.
    """
    create = webhook_management.create_webhook
    issued = await run_writing(create, context, body.url, tuple(body.events))
    response.headers.update(_NO_STORE)
    return IssuedWebhookView.of(issued)


@router.get("", operation_id="list_webhooks", responses=documented(errors.InvalidRequest))
def list_webhooks(
    context: InContext, cursor: Cursor = None, limit: Limit = 50
) -> Page[WebhookView]:
    """List the webhooks of the caller's tenant, newest first."""
    page = context.records.webhooks.webhooks(cursor=cursor, limit=limit)
    items = [WebhookView.model_validate(each) for each in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/{webhook_id}",
    operation_id="get_webhook",
    responses=documented(errors.WebhookNotFound, errors.InvalidRequest),
)
def get_webhook(context: InContext, webhook_id: WebhookId) -> WebhookView:
    """Read what is known of a webhook; its secret is not shown."""
    return WebhookView.model_validate(context.records.webhooks.webhook(webhook_id))


@router.delete(
    "/{webhook_id}",
    operation_id="delete_webhook",
    status_code=204,
    response_class=Response,
    responses=documented(errors.WebhookNotFound, errors.InvalidRequest),
)
async def delete_webhook(context: InContext, webhook_id: WebhookId) -> None:
    """Remove a webhook and the list of its deliveries; what waits for it is not sent."""
    await run_writing(webhook_management.delete_webhook, context, webhook_id)


@router.post(
    "/{webhook_id}/rotate",
    operation_id="rotate_webhook_secret",
    responses=documented(
        errors.WebhookNotFound,
        errors.StorageFull,
        errors.WebhookKeyLost,
        errors.InvalidRequest,
        http=[400, 413],
    ),
)
async def rotate_webhook_secret(
    context: InContext,
    response: Response,
    webhook_id: WebhookId,
    body: Annotated[RotateWebhookBody | None, Body(examples=[examples.ROTATE])] = None,
) -> IssuedWebhookView:
    """Give a webhook a new secret, which the answer shows once.

    Messages are signed with both for a while, so that its receiver can change over.
    """
    grace = timedelta(seconds=(body or RotateWebhookBody()).grace_seconds)
    issued = await run_writing(webhook_management.rotate_secret, context, webhook_id, grace)
    response.headers.update(_NO_STORE)
    return IssuedWebhookView.of(issued)


@router.post(
    "/{webhook_id}/enable",
    operation_id="enable_webhook",
    responses=documented(errors.WebhookNotFound, errors.InvalidRequest, http=[400, 413]),
)
async def enable_webhook(context: InContext, webhook_id: WebhookId) -> WebhookView:
    """Send messages again to a webhook that was disabled; one that is enabled stays as it is.

    What was announced meanwhile is not sent. Messages that died can be resent.
    """
    enable = webhook_management.enable_webhook
    return WebhookView.model_validate(await run_writing(enable, context, webhook_id))


@router.post(
    "/{webhook_id}/test",
    operation_id="test_webhook",
    status_code=202,
    responses=documented(
        errors.WebhookNotFound,
        errors.WebhookDisabled,
        errors.TooManyPendingMessages,
        errors.InvalidRequest,
        http=[400, 413],
    ),
)
async def test_webhook(context: InContext, webhook_id: WebhookId) -> WebhookDeliveryView:
    """Send the message `webhook.ping`; its delivery says within seconds what became of it."""
    ping = context.records.webhooks.ping
    return WebhookDeliveryView.model_validate(await run_writing(ping, webhook_id))


@router.get(
    "/{webhook_id}/deliveries",
    operation_id="list_webhook_deliveries",
    responses=documented(errors.WebhookNotFound, errors.InvalidRequest),
)
def list_webhook_deliveries(
    context: InContext, webhook_id: WebhookId, cursor: Cursor = None, limit: Limit = 50
) -> Page[WebhookDeliveryView]:
    """List the messages to a webhook, newest first; those that are settled for 30 days."""
    page = context.records.webhooks.deliveries(webhook_id, cursor=cursor, limit=limit)
    items = [WebhookDeliveryView.model_validate(each) for each in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.post(
    "/{webhook_id}/deliveries/{message_id}/resend",
    operation_id="resend_webhook_delivery",
    status_code=202,
    responses=documented(
        errors.WebhookNotFound,
        errors.WebhookDeliveryNotFound,
        errors.WebhookDisabled,
        errors.TooManyPendingMessages,
        errors.MessageBeingSent,
        errors.InvalidRequest,
        http=[400, 413],
    ),
)
async def resend_webhook_delivery(
    context: InContext, webhook_id: WebhookId, message_id: MessageId
) -> WebhookDeliveryView:
    """Send a message once more, under the same `webhook-id`, once no attempt is under way."""
    resend = context.records.webhooks.resend
    return WebhookDeliveryView.model_validate(await run_writing(resend, webhook_id, message_id))
