"""What may be asked of webhooks."""

from typing import Annotated

from pydantic import Field, StringConstraints

from service.domain.webhook_targets import MOST_CHARACTERS
from service.domain.webhooks import EVENTS, WebhookEvent
from service.validation.bodies import Strict
from service.validation.keys import MAX_GRACE_SECONDS

DEFAULT_GRACE_SECONDS = 24 * 3600


class WebhookBody(Strict):
    """A new webhook."""

    url: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=MOST_CHARACTERS)],
        Field(
            description="Where messages go: https, a public host or one that the operator allows.",
            examples=["https://pipeline.hospital.test/synthcxr"],
        ),
    ]
    events: Annotated[
        list[WebhookEvent],
        Field(
            default_factory=list,
            max_length=len(EVENTS),
            description="Which messages; none given: all.",
            examples=[["job.failed", "set.released"]],
        ),
    ]


class RotateWebhookBody(Strict):
    """How a webhook changes its secret."""

    grace_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_GRACE_SECONDS,
            description="How long messages are signed with the present secret as well.",
            examples=[DEFAULT_GRACE_SECONDS],
        ),
    ] = DEFAULT_GRACE_SECONDS
