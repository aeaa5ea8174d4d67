"""What a client reads of webhooks and of what was sent to them."""

from pydantic import Field

from service import examples
from service.api.views.base import Moment, View, attributes, shown
from service.domain.webhooks import DeliveryState, WebhookEvent
from service.webhook_management import IssuedWebhook


class WebhookView(View):
    """A system that messages are sent to."""

    model_config = shown(examples.WEBHOOK)

    id: str
    url: str
    events: list[WebhookEvent] = Field(description="Which messages; empty for all.")
    created_at: Moment
    created_by: str = Field(description="The caller who made it.")
    earlier_expires_at: Moment | None = Field(
        description="Until when messages are also signed with the secret before the last rotation."
    )
    disabled_at: Moment | None = Field(description="Since when nothing is sent any more.")
    disabled_reason: str | None = Field(description="`gone`: its receiver answered 410.")


class IssuedWebhookView(WebhookView):
    """A webhook with its secret, which is shown once."""

    model_config = shown({**examples.WEBHOOK, "secret": examples.WEBHOOK_SECRET})

    secret: str = Field(description="What its receiver checks `webhook-signature` with.")

    @classmethod
    def of(cls, issued: IssuedWebhook) -> "IssuedWebhookView":
        """Show a webhook that was just made, or has a new secret."""
        return cls(**attributes(WebhookView, issued.webhook), secret=issued.secret)


class WebhookDeliveryView(View):
    """A message on its way to a webhook."""

    model_config = shown(examples.WEBHOOK_DELIVERY)

    id: str = Field(description="Sent as `webhook-id`, the same at every attempt.")
    webhook_id: str
    type: str = Field(description="Of the message, such as `job.succeeded`.")
    created_at: Moment
    state: DeliveryState
    num_attempts: int
    next_attempt_at: Moment | None
    last_attempt_at: Moment | None
    last_status: int | None = Field(description="HTTP status of the last answer.")
    last_error: str | None = Field(
        description="Why the last attempt failed: `status`, `redirected`, `timeout`, "
        "`unreachable`, `unresolved`, `tls_failed`, `target_refused`, `webhook_key_lost`, `gone`, "
        "`internal_error`."
    )
    body: str = Field(description="What is sent.")
