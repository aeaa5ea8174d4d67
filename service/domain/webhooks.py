"""Webhooks: what is announced to systems that a tenant names, and how often that is tried.

They follow the Standard Webhooks specification 1.0. A message names identifiers, states and codes;
nothing of an image, no label, no name that a client chose and no secret is ever in one.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, get_args

from service.domain.errors import MessageBeingSent, TooManyPendingMessages, WebhookDisabled
from service.domain.identifiers import new_id
from service.domain.job import Job, JobState
from service.domain.records import SyntheticSet

WebhookEvent = Literal[
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "set.released",
    "set.refused",
    "set.inconclusive",
]
EVENTS: tuple[WebhookEvent, ...] = get_args(WebhookEvent)
PING = "webhook.ping"  # goes to one webhook alone, when somebody asks for it

MOST_OF_TENANT = 20
MOST_SENT_OF_TENANT = 2  # at a time, so that one tenant's slow receivers leave room for others
MOST_PENDING_BY_HAND = 20  # of a webhook; with so many, nobody adds another by hand
SECRET_PREFIX = "whsec_"  # noqa: S105 - of the specification
_SECRET_BYTES = 32  # the specification asks for 24 to 64
SHARE_OF_JITTER = 0.1
# pauses between attempts, in seconds: the example of the specification
PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
GONE = 410
GONE_REASON = "gone"  # the receiver said so
KEPT_DAYS = 30  # a delivery that is settled stays listed for so long


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Message:
    """What is announced.

    Attributes:
        type: Such as `job.succeeded`.
        data: Identifiers, states and codes.
    """

    type: str
    data: Mapping[str, Any]

    @classmethod
    def of_job(cls, job: Job) -> "Message | None":
        """Announce a job that is done; None while it is not."""
        if not job.state.done:
            return None
        made = job.result
        data = {
            "job_id": job.id,
            "kind": str(job.kind),
            "state": str(job.state),
            "dataset_id": made.dataset_id if made else None,
            "model_id": made.model_id if made else None,
            "synthetic_set_id": made.synthetic_set_id if made else None,
            "error_code": job.error.code if job.error and job.state is JobState.FAILED else None,
        }
        return cls(f"job.{job.state}", data)

    @classmethod
    def of_set(cls, made: SyntheticSet, job: Job) -> "Message":
        """Announce the verdict on a set, which a job has just made."""
        verdict = made.verdict
        data = {
            "synthetic_set_id": made.id,
            "model_id": made.model_id,
            "job_id": job.id,
            "outcome": verdict.outcome,
            "code": verdict.code,
        }
        return cls("set.released" if verdict.released else f"set.{verdict.outcome}", data)

    @classmethod
    def ping(cls, webhook: "Webhook") -> "Message":
        """Announce nothing, to try a webhook."""
        return cls(PING, {"webhook_id": webhook.id})

    def body(self, at: datetime) -> str:
        """Write the message as it is sent: the same text at every attempt."""
        moment = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        content = {"type": self.type, "timestamp": moment, "data": self.data}
        return json.dumps(content, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Webhook:
    """A system that messages are sent to.

    Attributes:
        id: Such as `wh_01kaj...`.
        tenant: Whose messages.
        url: Where they go.
        events: Which of them; empty for all.
        created_at: When it was made, UTC.
        created_by: The caller who made it.
        secret: What messages are signed with, sealed: see `SecretBox`.
        earlier_secret: What they were signed with before the last rotation, sealed.
        earlier_expires_at: Until when they are signed with that as well.
        disabled_at: Since when nothing is sent any more.
        disabled_reason: Why.
    """

    id: str
    tenant: str
    url: str
    events: tuple[WebhookEvent, ...]
    created_at: datetime
    created_by: str
    secret: str
    earlier_secret: str | None = None
    earlier_expires_at: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None

    def wants(self, message: Message) -> bool:
        """Say whether a message goes here."""
        return self.disabled_at is None and (not self.events or message.type in self.events)

    def must_be_enabled(self) -> None:
        """Raise WebhookDisabled where nothing is sent any more."""
        if self.disabled_at:
            raise WebhookDisabled(
                f"{self.id} was disabled ({self.disabled_reason}): its receiver answered that it "
                f"is gone. Once it is back: POST /webhooks/{self.id}/enable."
            )

    def must_have_room(self, num_pending: int) -> None:
        """Raise TooManyPendingMessages where enough waits for it already."""
        if num_pending >= MOST_PENDING_BY_HAND:
            raise TooManyPendingMessages(
                f"{num_pending} messages wait for {self.id} already. See `last_error` of its "
                "deliveries, and wait until they are delivered or dead."
            )

    def enabled(self) -> "Webhook":
        """Let messages be sent again; what died meanwhile stays dead until it is resent."""
        return replace(self, disabled_at=None, disabled_reason=None)

    def rotated(self, sealed: str, now: datetime, grace: timedelta) -> "Webhook":
        """Take a new secret; messages are signed with the present one, too, for a while."""
        return replace(
            self,
            secret=sealed,
            earlier_secret=self.secret if grace else None,
            earlier_expires_at=now + grace if grace else None,
        )

    def sealed_secrets(self, now: datetime) -> tuple[str, ...]:
        """Return what messages are signed with now, the newest first, sealed."""
        if self.earlier_secret and self.earlier_expires_at and now < self.earlier_expires_at:
            return (self.secret, self.earlier_secret)
        return (self.secret,)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt.

    Attributes:
        status: The HTTP status of the answer; None where there was none.
        error: Why it failed: `status`, `redirected`, or what kept an answer from coming, such as
            `timeout`; None where the message was received.
    """

    status: int | None = None
    error: str | None = None

    @classmethod
    def answered(cls, status: int) -> "Outcome":
        """Judge an answer: a status from 200 to 299 says that the message was received."""
        if 200 <= status < 300:
            return cls(status)
        return cls(status, "redirected" if 300 <= status < 400 else "status")

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no message any more."""
        return self.status == GONE


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a webhook.

    Attributes:
        id: Such as `msg_01kaj...`; it is sent as `webhook-id`, the same at every attempt.
        webhook_id: Where it goes.
        tenant: Whose message.
        type: Of the message.
        body: The message as JSON.
        created_at: When it happened, UTC.
        state: pending, delivered or dead.
        num_attempts: So many attempts were begun.
        next_attempt_at: When it is tried next; None once it is settled.
        last_attempt_at: When it was tried last.
        last_status: HTTP status of the last answer.
        last_error: Why the last attempt failed.
    """

    id: str
    webhook_id: str
    tenant: str
    type: str
    body: str
    created_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    num_attempts: int = 0
    next_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None

    @classmethod
    def of(cls, message: Message, webhook: Webhook, now: datetime) -> "Delivery":
        """Begin the delivery of a message; it is due at once."""
        return cls(
            id=new_id("msg"),
            webhook_id=webhook.id,
            tenant=webhook.tenant,
            type=message.type,
            body=message.body(now),
            created_at=now,
            next_attempt_at=now,
        )

    def begun(self, now: datetime) -> "Delivery":
        """Count an attempt that begins."""
        return replace(self, num_attempts=self.num_attempts + 1, last_attempt_at=now)

    def after(self, outcome: Outcome, now: datetime, jitter: float) -> "Delivery":
        """Return what becomes of it after an attempt.

        Args:
            outcome: Of the attempt.
            now: When it ended.
            jitter: Random, from -1 to 1; it moves the next attempt by at most a tenth of the pause.
        """
        tried = replace(self, last_status=outcome.status, last_error=outcome.error)
        if outcome.error is None:
            return replace(tried, state=DeliveryState.DELIVERED, next_attempt_at=None)
        if outcome.gone or self.num_attempts > len(PAUSES):
            return replace(tried, state=DeliveryState.DEAD, next_attempt_at=None)
        pause = PAUSES[self.num_attempts - 1] * (1 + SHARE_OF_JITTER * jitter)
        return replace(tried, next_attempt_at=now + timedelta(seconds=pause))

    def same_attempt(self, other: "Delivery") -> bool:
        """Say whether another state of the delivery is of the same attempt, not yet ended."""
        pending = self.state is DeliveryState.PENDING
        mine = (self.num_attempts, self.last_attempt_at)
        return pending and mine == (other.num_attempts, other.last_attempt_at)

    def being_sent(self) -> MessageBeingSent:
        """Return the refusal to begin anew while an attempt is under way."""
        return MessageBeingSent(f"{self.id} is being sent right now. See what becomes of that.")

    def again(self, now: datetime) -> "Delivery":
        """Make it due now, with all attempts before it, whatever became of it so far."""
        return replace(self, state=DeliveryState.PENDING, num_attempts=0, next_attempt_at=now)


def new_secret() -> str:
    """Draw the secret of a webhook, as its receiver keeps it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """Sign a message: `v1,` and an HMAC-SHA256 in base64 (Standard Webhooks 1.0).

    Args:
        secret: `whsec_` and the key in base64.
        message_id: The header `webhook-id`.
        timestamp: The header `webhook-timestamp`, in seconds since 1970.
        body: What is sent.
    """
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    content = f"{message_id}.{timestamp}.{body}".encode()
    return "v1," + base64.b64encode(hmac.digest(key, content, "sha256")).decode()


def headers_of(delivery: Delivery, secret_texts: Sequence[str], now: datetime) -> dict[str, str]:
    """Return the headers of one attempt; each secret signs."""
    timestamp = int(now.timestamp())
    signed = (signature(each, delivery.id, timestamp, delivery.body) for each in secret_texts)
    return {
        "content-type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signed),
    }
