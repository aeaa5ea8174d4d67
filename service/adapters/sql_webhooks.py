"""Webhooks in SQLite or PostgreSQL: messages are written with what they announce."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_audit import write_entry
from service.adapters.sql_database import Database, locked_row, page_query
from service.domain.audit import AuditDraft
from service.domain.errors import TooManyWebhooks, WebhookDeliveryNotFound, WebhookNotFound
from service.domain.paging import DEFAULT_LIMIT, Page, page_of
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

_webhook = TypeAdapter(Webhook)
_delivery = TypeAdapter(Delivery)
_PENDING = str(DeliveryState.PENDING)


class SqlWebhooks(Webhooks):
    """The webhooks of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def add(self, webhook: Webhook, audit: AuditDraft) -> None:
        of_tenant = t.webhooks.c.tenant == webhook.tenant
        with self._database.writing() as connection:
            write_entry(connection, audit, self._database.now())  # one at a time of each tenant
            number = select(func.count()).select_from(t.webhooks).where(of_tenant)
            if connection.execute(number).scalar_one() >= MOST_OF_TENANT:
                raise TooManyWebhooks(
                    f"A tenant has at most {MOST_OF_TENANT} webhooks. Delete one before you make "
                    "another."
                )
            connection.execute(insert(t.webhooks).values(asdict(webhook)))

    @override
    def webhook(self, webhook_id: str) -> Webhook:
        there = self._database.visible(t.webhooks)
        query = select(t.webhooks).where(t.webhooks.c.id == webhook_id, there)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise WebhookNotFound.named(webhook_id)
        return _webhook_of(row)

    @override
    def webhooks(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Webhook]:
        there = self._database.visible(t.webhooks)
        query = page_query(t.webhooks, cursor, limit).where(there)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return page_of([_webhook_of(row) for row in rows], limit)

    @override
    def change(
        self, webhook_id: str, change: Callable[[Webhook], Webhook], audit: AuditDraft
    ) -> Webhook:
        with self._database.writing() as connection:
            changed = change(self._locked(connection, webhook_id))
            _replace(connection, changed)
            write_entry(connection, audit, self._database.now())
            return changed

    @override
    def delete(self, webhook_id: str, audit: AuditDraft) -> None:
        deliveries = t.webhook_deliveries
        with self._database.writing() as connection:
            self._locked(connection, webhook_id)
            connection.execute(delete(deliveries).where(deliveries.c.webhook_id == webhook_id))
            connection.execute(delete(t.webhooks).where(t.webhooks.c.id == webhook_id))
            write_entry(connection, audit, self._database.now())

    @override
    def ping(self, webhook_id: str) -> Delivery:
        with self._database.writing() as connection:
            webhook = self._locked(connection, webhook_id)
            webhook.must_be_enabled()
            webhook.must_have_room(_num_pending(connection, webhook_id))
            delivery = Delivery.of(Message.ping(webhook), webhook, self._database.now())
            connection.execute(insert(t.webhook_deliveries).values(_row(delivery)))
            return delivery

    @override
    def deliveries(
        self, webhook_id: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[Delivery]:
        deliveries = t.webhook_deliveries
        query = page_query(deliveries, cursor, limit).where(
            deliveries.c.webhook_id == webhook_id, self._database.visible(deliveries)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        if not rows:
            self.webhook(webhook_id)  # an unknown webhook is not one without deliveries
        return page_of([_delivery_of(row) for row in rows], limit)

    @override
    def resend(self, webhook_id: str, delivery_id: str) -> Delivery:
        with self._database.writing() as connection:
            webhook = self._locked(connection, webhook_id)
            webhook.must_be_enabled()
            of_webhook = t.webhook_deliveries.c.webhook_id == webhook_id
            row = locked_row(connection, t.webhook_deliveries, delivery_id, of_webhook)
            if row is None:
                raise WebhookDeliveryNotFound.named(delivery_id)
            there, lease_end = _delivery_of(row), row["lease_expires_at"]
            if lease_end and lease_end > self._database.shared_clock.now(connection):
                raise there.being_sent()
            webhook.must_have_room(_num_pending(connection, webhook_id))
            again = there.again(self._database.now())
            _write(connection, again, lease_expires_at=None)
            return again

    @override
    def claim_due(self, limit: int, lease_seconds: float) -> list[tuple[Delivery, Webhook]]:
        deliveries = t.webhook_deliveries.c
        now = self._database.now()
        due = (deliveries.state == _PENDING, deliveries.next_attempt_at <= now)
        with self._database.reading() as connection:  # most of the time there is nothing to write
            waiting = select(deliveries.id).where(*due).limit(1)
            if connection.execute(waiting).first() is None:
                return []
        with self._database.writing() as connection:
            shared_now = self._database.shared_clock.now(connection)
            free = or_(
                deliveries.lease_expires_at.is_(None), deliveries.lease_expires_at <= shared_now
            )
            under_way = (deliveries.state == _PENDING, deliveries.lease_expires_at > shared_now)
            busy = select(deliveries.webhook_id).where(*under_way)
            taken = (
                select(deliveries.tenant, func.count().label("number"))
                .where(*under_way)
                .group_by(deliveries.tenant)
                .subquery()
            )
            oldest = (
                select(func.min(deliveries.id))
                .where(*due, deliveries.webhook_id.not_in(busy))
                .group_by(deliveries.webhook_id)
            )
            in_tenant = func.row_number().over(
                partition_by=deliveries.tenant, order_by=(deliveries.next_attempt_at, deliveries.id)
            )
            turns = (
                select(deliveries.id, (in_tenant + func.coalesce(taken.c.number, 0)).label("turn"))
                .outerjoin(taken, taken.c.tenant == deliveries.tenant)
                .where(deliveries.id.in_(oldest), *due)
                .subquery()
            )
            chosen = (  # who claims at the same time finds the same turns, and skips what is locked
                select(t.webhook_deliveries)
                .join(turns, turns.c.id == deliveries.id)
                .where(turns.c.turn <= MOST_SENT_OF_TENANT, *due, free)
                .order_by(turns.c.turn, deliveries.next_attempt_at)
                .limit(limit)
                .with_for_update(skip_locked=True, of=t.webhook_deliveries)
            )
            rows = connection.execute(chosen).mappings().all()
            of_them = t.webhooks.c.id.in_([row["webhook_id"] for row in rows])
            found = connection.execute(select(t.webhooks).where(of_them)).mappings()
            webhooks = {row["id"]: _webhook_of(row) for row in found}
            lease_end = shared_now + timedelta(seconds=lease_seconds)
            claimed = []
            for each in map(_delivery_of, rows):
                webhook = webhooks.get(each.webhook_id)
                if webhook and webhook.disabled_at is None:
                    claimed.append((each.begun(now), webhook))
                    _write(connection, claimed[-1][0], lease_expires_at=lease_end)
                else:  # it was written while its webhook was deleted or disabled
                    of_it = t.webhook_deliveries.c.id == each.id
                    connection.execute(delete(t.webhook_deliveries).where(of_it))
            return claimed

    @override
    def settle(self, claimed: Delivery, outcome: Outcome, jitter: float) -> None:
        now = self._database.now()
        with self._database.writing() as connection:
            # the webhook first, as everywhere: two who lock in different orders wait for each other
            webhook = locked_row(connection, t.webhooks, claimed.webhook_id)
            row = locked_row(connection, t.webhook_deliveries, claimed.id)
            if row is None or not _delivery_of(row).same_attempt(claimed):
                return
            _write(connection, claimed.after(outcome, now, jitter), lease_expires_at=None)
            if outcome.gone and webhook:
                _disable(connection, _webhook_of(webhook), now)

    @override
    def forget_settled(self, before: datetime) -> int:
        deliveries = t.webhook_deliveries
        old = (
            select(deliveries.c.id)
            .where(deliveries.c.state != _PENDING, deliveries.c.created_at < before)
            .with_for_update(skip_locked=True)  # a webhook that is being deleted takes its own
        )
        with self._database.writing() as connection:
            return connection.execute(delete(deliveries).where(deliveries.c.id.in_(old))).rowcount

    def _locked(self, connection: Connection, webhook_id: str) -> Webhook:
        """Read a webhook that nobody else may change until the transaction ends."""
        row = locked_row(connection, t.webhooks, webhook_id, self._database.visible(t.webhooks))
        if row is None:
            raise WebhookNotFound.named(webhook_id)
        return _webhook_of(row)


def announce(connection: Connection, tenant: str, message: Message | None, now: datetime) -> None:
    """Write a message for each of a tenant's webhooks that wants it, within a transaction."""
    if message is None:
        return
    query = select(t.webhooks).where(t.webhooks.c.tenant == tenant).order_by(t.webhooks.c.id)
    found = [_webhook_of(row) for row in connection.execute(query).mappings()]
    rows = [_row(Delivery.of(message, each, now)) for each in found if each.wants(message)]
    if rows:
        connection.execute(insert(t.webhook_deliveries), rows)


def _num_pending(connection: Connection, webhook_id: str) -> int:
    deliveries = t.webhook_deliveries
    waiting = (deliveries.c.webhook_id == webhook_id, deliveries.c.state == _PENDING)
    number = select(func.count()).select_from(deliveries).where(*waiting)
    return connection.execute(number).scalar_one()


def _disable(connection: Connection, webhook: Webhook, now: datetime) -> None:
    """Write into a locked webhook that its receiver is gone."""
    _replace(connection, replace(webhook, disabled_at=now, disabled_reason=GONE_REASON))
    deliveries = t.webhook_deliveries
    waiting = (deliveries.c.webhook_id == webhook.id, deliveries.c.state == _PENDING)
    dead = {"state": str(DeliveryState.DEAD), "next_attempt_at": None, "last_error": GONE_REASON}
    connection.execute(update(deliveries).where(*waiting).values(dead))


def _replace(connection: Connection, webhook: Webhook) -> None:
    of_it = t.webhooks.c.id == webhook.id
    connection.execute(update(t.webhooks).where(of_it).values(asdict(webhook)))


def _write(connection: Connection, delivery: Delivery, **others: Any) -> None:
    of_it = t.webhook_deliveries.c.id == delivery.id
    values = {**_row(delivery), **others}
    connection.execute(update(t.webhook_deliveries).where(of_it).values(values))


def _row(delivery: Delivery) -> dict[str, Any]:
    return {**asdict(delivery), "state": str(delivery.state)}


def _webhook_of(row: RowMapping) -> Webhook:
    return _webhook.validate_python(dict(row))


def _delivery_of(row: RowMapping) -> Delivery:
    return _delivery.validate_python(
        {name: value for name, value in row.items() if name != "lease_expires_at"}
    )
