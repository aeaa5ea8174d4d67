"""The messages that the service sends to webhooks, as openapi.yaml describes them."""

from typing import Annotated, Literal

from fastapi import FastAPI, Header, Response
from pydantic import Field

from release.gate.verdict import Outcome
from service import examples
from service.api.views.base import Moment, View, shown
from service.domain.job import JobKind, JobState
from service.domain.webhooks import WebhookEvent


class JobNewsView(View):
    """A job that is done."""

    job_id: str
    kind: JobKind
    state: JobState
    dataset_id: str | None = Field(description="What it made, as the next two.")
    model_id: str | None
    synthetic_set_id: str | None
    error_code: str | None = Field(description="Where it failed: a code of docs/errors.md.")


class SetNewsView(View):
    """A set that was examined."""

    synthetic_set_id: str
    model_id: str
    job_id: str
    outcome: Outcome
    code: str | None = Field(description="Why it is refused or inconclusive.")


class PingView(View):
    """Nothing new."""

    webhook_id: str


class WebhookMessageView(View):
    """What a webhook receives: identifiers, states and codes, nothing of an image or a patient."""

    model_config = shown(examples.WEBHOOK_MESSAGE)

    type: WebhookEvent | Literal["webhook.ping"]
    timestamp: Moment = Field(description="When it happened.")
    data: JobNewsView | SetNewsView | PingView


def describe_messages(app: FastAPI) -> None:
    """Let an app's description name what it sends (OpenAPI 3.1, `webhooks`)."""

    def message(
        body: WebhookMessageView,
        webhook_id: Annotated[str, Header(description="The same at every attempt.")],
        webhook_timestamp: Annotated[int, Header(description="Of this attempt, since 1970.")],
        webhook_signature: Annotated[str, Header(description="One or more, `v1,` and base64.")],
    ) -> None:
        """Receive a message: job done, set examined. Check its signature, then answer 2xx."""

    app.webhooks.post(
        "message",
        operation_id="receive_message",
        tags=["webhooks"],
        status_code=204,
        response_class=Response,
        responses={
            410: {"description": "Nothing more is sent to this webhook."},
            "default": {"description": "It is sent again later."},
        },
        openapi_extra={"security": []},  # it carries a signature, and no key
    )(message)
