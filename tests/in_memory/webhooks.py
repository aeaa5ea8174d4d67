"""Webhooks in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from typing_extensions import override

from service.domain.audit import AuditDraft
from service.domain.errors import TooManyWebhooks, WebhookDeliveryNotFound, WebhookNotFound
from service.domain.paging import DEFAULT_LIMIT, Cursor, Page, page_of
from service.domain.webhook_ports import Webhooks
from service.domain.webhooks import (
    GONE_REASON,
    MOST_OF_TENANT,
    MOST_SENT_OF_TENANT,
    Delivery,
    DeliveryState,
    Message,
    Outcome,
    Webhook,
)
from tests.in_memory.tables import MemoryTables


class MemoryWebhooks(Webhooks):
    """The webhooks of a store."""

    def __init__(self, store: MemoryTables, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

    @override
    def add(self, webhook: Webhook, audit: AuditDraft) -> None:
        store = self._store
        with store.lock:
            if sum(e.tenant == webhook.tenant for e in store.webhooks.values()) >= MOST_OF_TENANT:
                raise TooManyWebhooks("There are enough.")
            store.webhooks[webhook.id] = webhook
            store.write_entry(audit)

    @override
    def webhook(self, webhook_id: str) -> Webhook:
        found = self._store.webhooks.get(webhook_id)
        if found is None or self._tenant not in {None, found.tenant}:
            raise WebhookNotFound.named(webhook_id)
        return found

    @override
    def webhooks(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Webhook]:
        there = [e for e in self._store.webhooks.values() if self._tenant in {None, e.tenant}]
        newest = sorted(there, key=Cursor.after, reverse=True)
        start = Cursor.parse(cursor)
        rows = [each for each in newest if start is None or Cursor.after(each) < start]
        return page_of(rows[: limit + 1], limit)

    @override
    def change(
        self, webhook_id: str, change: Callable[[Webhook], Webhook], audit: AuditDraft
    ) -> Webhook:
        with self._store.lock:
            changed = change(self.webhook(webhook_id))
            self._store.webhooks[webhook_id] = changed
            self._store.write_entry(audit)
            return changed

    @override
    def delete(self, webhook_id: str, audit: AuditDraft) -> None:
        store = self._store
        with store.lock:
            del store.webhooks[self.webhook(webhook_id).id]
            kept = {k: e for k, e in store.deliveries.items() if e.webhook_id != webhook_id}
            store.deliveries = kept
            store.write_entry(audit)

    @override
    def ping(self, webhook_id: str) -> Delivery:
        with self._store.lock:
            webhook = self.webhook(webhook_id)
            webhook.must_be_enabled()
            webhook.must_have_room(self._num_pending(webhook_id))
            return _begin(self._store, webhook, Message.ping(webhook))

    @override
    def deliveries(
        self, webhook_id: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Delivery]:
        self.webhook(webhook_id)
        there = [e for e in self._store.deliveries.values() if e.webhook_id == webhook_id]
        newest = sorted(there, key=Cursor.after, reverse=True)
        start = Cursor.parse(cursor)
        rows = [each for each in newest if start is None or Cursor.after(each) < start]
        return page_of(rows[: limit + 1], limit)

    @override
    def resend(self, webhook_id: str, delivery_id: str) -> Delivery:
        with self._store.lock:
            webhook = self.webhook(webhook_id)
            webhook.must_be_enabled()
            found = self._store.deliveries.get(delivery_id)
            if found is None or found.webhook_id != webhook_id:
                raise WebhookDeliveryNotFound.named(delivery_id)
            now = self._store.clock.now()
            lease_end = self._store.leases.get(found.id)
            if lease_end and lease_end > now:
                raise found.being_sent()
            webhook.must_have_room(self._num_pending(webhook_id))
            self._store.deliveries[found.id] = found.again(now)
            self._store.leases.pop(found.id, None)
            return self._store.deliveries[found.id]

    @override
    def claim_due(self, limit: int, lease_seconds: float) -> list[tuple[Delivery, Webhook]]:
        store = self._store
        with store.lock:
            now = store.clock.now()
            store.leases = {k: until for k, until in store.leases.items() if until > now}
            busy = {store.deliveries[each].webhook_id for each in store.leases}
            taken = Counter(store.deliveries[each].tenant for each in store.leases)
            claimed: list[tuple[Delivery, Webhook]] = []
            there = sorted(store.deliveries.values(), key=Cursor.after)
            due = [e for e in there if e.next_attempt_at and e.next_attempt_at <= now]
            while len(claimed) < limit:
                free = [e for e in due if e.webhook_id not in busy]
                free = [e for e in free if taken[e.tenant] < MOST_SENT_OF_TENANT]
                if not free:
                    break
                each = min(free, key=lambda e: taken[e.tenant])
                busy.add(each.webhook_id)
                taken[each.tenant] += 1
                store.leases[each.id] = now + timedelta(seconds=lease_seconds)
                store.deliveries[each.id] = each.begun(now)
                claimed.append((each.begun(now), store.webhooks[each.webhook_id]))
            return claimed

    @override
    def settle(self, claimed: Delivery, outcome: Outcome, jitter: float) -> None:
        store = self._store
        with store.lock:
            there, now = store.deliveries.get(claimed.id), store.clock.now()
            if there is None or not there.same_attempt(claimed):
                return
            store.leases.pop(claimed.id, None)
            store.deliveries[claimed.id] = claimed.after(outcome, now, jitter)
            if outcome.gone:
                self._disable(claimed.webhook_id, now)

    @override
    def forget_settled(self, before: datetime) -> int:
        store = self._store
        with store.lock:
            old = [
                each.id
                for each in store.deliveries.values()
                if each.state is not DeliveryState.PENDING and each.created_at < before
            ]
            for each_id in old:
                del store.deliveries[each_id]
            return len(old)

    def _num_pending(self, webhook_id: str) -> int:
        there = [e for e in self._store.deliveries.values() if e.webhook_id == webhook_id]
        return sum(each.state is DeliveryState.PENDING for each in there)

    def _disable(self, webhook_id: str, now: datetime) -> None:
        store = self._store
        webhook = store.webhooks[webhook_id]
        store.webhooks[webhook_id] = replace(webhook, disabled_at=now, disabled_reason=GONE_REASON)
        for each in list(store.deliveries.values()):
            if each.webhook_id == webhook_id and each.state is DeliveryState.PENDING:
                store.deliveries[each.id] = replace(
                    each, state=DeliveryState.DEAD, next_attempt_at=None, last_error=GONE_REASON
                )


def announce(store: MemoryTables, tenant: str, message: Message | None) -> None:
    """Begin the delivery of a message to each of a tenant's webhooks that wants it."""
    for webhook in list(store.webhooks.values()):
        if message and webhook.tenant == tenant and webhook.wants(message):
            _begin(store, webhook, message)


def _begin(store: MemoryTables, webhook: Webhook, message: Message) -> Delivery:
    delivery = Delivery.of(message, webhook, store.clock.now())
    store.deliveries[delivery.id] = delivery
    return delivery
