"""What webhooks need: their records, and a box that secrets are kept in."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from service.domain.audit import AuditDraft
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.webhooks import Delivery, Outcome, Webhook


class SecretBox(Protocol):
    """Seals secrets, so that who reads the database alone does not have them."""

    def seal(self, secret: str, name: str) -> str:
        """Seal a secret under the name of what it belongs to."""

    def open(self, sealed: str, name: str) -> str:
        """Return a secret.

        Raises:
            WebhookKeyLost: The key is gone or another one, or the text was changed.
        """


class NoSecretBox(SecretBox):
    """A box of a service that has none."""

    def seal(self, secret: str, name: str) -> str:
        """Refuse."""
        del secret, name
        raise AssertionError("this service has no box for secrets")

    def open(self, sealed: str, name: str) -> str:
        """Refuse."""
        del sealed, name
        raise AssertionError("this service has no box for secrets")


class Webhooks(Protocol):
    """Webhooks and the messages that are on their way to them.

    A message is written in the transaction of what it announces, see `Jobs`. Methods that take an
    identifier raise WebhookNotFound or WebhookDeliveryNotFound.
    """

    # -- called by the API ---------------------------------------------------------------------

    def add(self, webhook: Webhook, audit: AuditDraft) -> None:
        """Write a new webhook; raises TooManyWebhooks where its tenant has enough."""

    def webhook(self, webhook_id: str) -> Webhook:
        """Return a webhook."""

    def webhooks(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Webhook]:
        """List webhooks, newest first."""

    def change(
        self, webhook_id: str, change: Callable[[Webhook], Webhook], audit: AuditDraft
    ) -> Webhook:
        """Write a changed webhook over an earlier one, and return it."""

    def delete(self, webhook_id: str, audit: AuditDraft) -> None:
        """Remove a webhook with its deliveries; what is not delivered will not be."""

    def ping(self, webhook_id: str) -> Delivery:
        """Begin the delivery of a message that announces nothing.

        Raises:
            WebhookDisabled: Its receiver is gone.
            TooManyPendingMessages: Enough waits for it.
        """

    def deliveries(
        self, webhook_id: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Delivery]:
        """List the deliveries of a webhook, newest first."""

    def resend(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Deliver a message once more.

        Raises:
            WebhookDisabled: Its receiver is gone.
            MessageBeingSent: An attempt is under way.
            TooManyPendingMessages: Enough waits for its webhook.
        """

    # -- called by who delivers ----------------------------------------------------------------

    def claim_due(self, limit: int, lease_seconds: float) -> list[tuple[Delivery, Webhook]]:
        """Take deliveries that are due, and count their attempts.

        At most one of each webhook and MOST_SENT_OF_TENANT of each tenant are taken at a time;
        tenants of whom fewer are taken come first.

        While a lease lasts nobody else takes its delivery, nor another one of the same webhook. It
        is written and judged by the database's clock.
        """

    def settle(self, claimed: Delivery, outcome: Outcome, jitter: float) -> None:
        """Write what became of an attempt; one that somebody else took over changes nothing.

        A receiver that is gone disables its webhook, and all that waits for it is dead.
        """

    def forget_settled(self, before: datetime) -> int:
        """Remove deliveries that began before a moment and are settled; return how many."""
