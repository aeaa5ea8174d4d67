"""Delivers messages to webhooks: beside the scheduler, which every deployment runs.

Any number of processes may deliver. A delivery is taken for a while by its lease. No webhook is
sent two at once and no tenant more than two, so a slow receiver delays no other tenant's messages.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import structlog

from service.adapters.webhook_sender import TIMEOUT_SECONDS, WebhookSender
from service.domain.errors import RecordsUnavailable, SyntheticDataError, WebhookKeyLost
from service.domain.ports import Clock
from service.domain.webhook_ports import SecretBox, Webhooks
from service.domain.webhooks import KEPT_DAYS, Delivery, Outcome, Webhook, headers_of
from workers.runtime.flag import Flag

log = structlog.get_logger()

MOST_AT_ONCE = 8
LEASE_SECONDS = 4 * TIMEOUT_SECONDS
INTERVAL_SECONDS = 1.0
FORGET_INTERVAL_SECONDS = 3600.0


def drawn_jitter() -> float:
    """Draw from -1 to 1."""
    return random.uniform(-1, 1)  # noqa: S311 - spreads attempts, hides nothing


class WebhookDelivery:
    """Delivers what is due.

    Args:
        webhooks: The records.
        secrets: Opens the secrets of webhooks.
        sender: Sends.
        clock: The time of day, which messages are signed with.
        jitter: Returns a number from -1 to 1, by which pauses differ.
    """

    def __init__(
        self,
        webhooks: Webhooks,
        secrets: SecretBox,
        sender: WebhookSender,
        clock: Clock,
        jitter: Callable[[], float] = drawn_jitter,
    ) -> None:
        self._webhooks = webhooks
        self._secrets = secrets
        self._sender = sender
        self._clock = clock
        self._jitter = jitter

    def run(self, stop: Flag, interval_seconds: float = INTERVAL_SECONDS) -> None:
        """Work until `stop` is set; a database that is away is waited for."""
        sending: set[Future[None]] = set()
        rounds_to_forget = max(1, int(FORGET_INTERVAL_SECONDS / interval_seconds))
        rounds = 0
        with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="webhook") as pool:
            while not stop.wait(interval_seconds):
                sending = {each for each in sending if not each.done()}
                try:
                    for delivery, webhook in self._claimed(MOST_AT_ONCE - len(sending)):
                        sending.add(pool.submit(self._deliver, delivery, webhook))
                    if rounds % rounds_to_forget == 0:
                        self._forget()
                    rounds += 1
                except RecordsUnavailable:
                    log.warning("records unavailable")
                except Exception:  # without this loop nothing would be sent any more
                    log.exception("bug")

    def run_once(self) -> int:
        """Deliver what is due now, as much as may be sent at once; return how many were tried."""
        claimed = self._claimed(MOST_AT_ONCE)
        for delivery, webhook in claimed:
            self._deliver(delivery, webhook)
        return len(claimed)

    def _claimed(self, limit: int) -> list[tuple[Delivery, Webhook]]:
        return self._webhooks.claim_due(limit, LEASE_SECONDS) if limit else []

    def _deliver(self, delivery: Delivery, webhook: Webhook) -> None:
        outcome = self._attempt(delivery, webhook)
        try:
            self._webhooks.settle(delivery, outcome, self._jitter())
        except RecordsUnavailable:  # its lease runs out, and it is sent again
            log.warning("records unavailable")
            return
        except Exception:  # the same; nobody asks for what a thread raised
            log.exception("bug")
            return
        log.info(
            "webhook",
            webhook_id=webhook.id,
            message_id=delivery.id,
            type=delivery.type,
            attempt=delivery.num_attempts,
            status=outcome.status,
            error=outcome.error,
        )

    def _attempt(self, delivery: Delivery, webhook: Webhook) -> Outcome:
        now = self._clock.now()
        try:
            opened = [self._secrets.open(each, webhook.id) for each in webhook.sealed_secrets(now)]
            return self._sender.send(webhook.url, headers_of(delivery, opened, now), delivery.body)
        except WebhookKeyLost as error:
            log.warning("webhook cannot be signed", webhook_id=webhook.id, reason=str(error))
            return Outcome(error=WebhookKeyLost.code)
        except Exception:  # an attempt like others, so that it has an end
            log.exception("bug", webhook_id=webhook.id)
            return Outcome(error=SyntheticDataError.code)

    def _forget(self) -> None:
        self._webhooks.forget_settled(self._clock.now() - timedelta(days=KEPT_DAYS))
