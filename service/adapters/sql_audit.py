"""The audit log in SQLite or PostgreSQL: entries that only grow, and the end of each chain.

A writer locks the end of its tenant's chain, last of all that its transaction locks. So two writers
never continue the same entry, and none waits for the other in a circle.
"""

from dataclasses import asdict, replace
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_database import Database, insert_if_new
from service.domain.audit import GENESIS, SET_POLICY, AuditDraft, AuditEntry, AuditHead
from service.domain.paging import DEFAULT_LIMIT, Page, number_after, numbered_page
from service.domain.record_ports import AuditLog


class SqlAuditLog(AuditLog):
    """The audit log of one database.

    Args:
        database: Where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def append(self, *drafts: AuditDraft) -> None:
        with self._database.writing() as connection:
            for draft in drafts:
                write_entry(connection, draft, self._database.now())

    @override
    def note_policy(self, draft: AuditDraft) -> None:
        entries = t.audit_entries.c
        last = (
            select(entries.target)
            .where(entries.tenant == draft.tenant, entries.action == SET_POLICY)
            .order_by(entries.sequence.desc())
            .limit(1)
        )
        with self._database.writing() as connection:
            _locked_head(connection, draft.tenant)
            if connection.execute(last).scalar() != draft.target:
                draft = replace(draft, action=SET_POLICY)
                write_entry(connection, draft, self._database.now())

    @override
    def entries(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[AuditEntry]:
        entries = t.audit_entries.c
        query = select(t.audit_entries).where(entries.tenant == tenant)
        before = number_after(cursor)
        if before is not None:
            query = query.where(entries.sequence < before)
        query = query.order_by(entries.sequence.desc()).limit(limit + 1)
        with self._database.reading() as connection:
            found = [AuditEntry(**row) for row in connection.execute(query).mappings()]
        return numbered_page(found, limit)

    @override
    def of_action(self, tenant: str, action: str, target: str) -> list[AuditEntry]:
        entries = t.audit_entries.c
        query = (
            select(t.audit_entries)
            .where(entries.tenant == tenant, entries.action == action, entries.target == target)
            .order_by(entries.sequence)
        )
        with self._database.reading() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]

    @override
    def head(self, tenant: str) -> AuditHead:
        query = select(t.audit_heads).where(t.audit_heads.c.tenant == tenant)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return AuditHead(**row) if row else AuditHead(tenant)

    @override
    def tenants(self) -> list[str]:
        heads, entries = t.audit_heads.c, t.audit_entries.c
        query = select(heads.tenant).union(select(entries.tenant))
        with self._database.reading() as connection:
            return sorted(connection.scalars(query))


def write_entry(connection: Connection, draft: AuditDraft, now: datetime) -> AuditEntry:
    """Continue a tenant's chain, as the last step of a transaction."""
    entry = AuditEntry.after(_locked_head(connection, draft.tenant), draft, now)
    connection.execute(insert(t.audit_entries), asdict(entry))
    heads = t.audit_heads
    connection.execute(
        update(heads).where(heads.c.tenant == draft.tenant).values(asdict(entry.head))
    )
    return entry


def num_written(connection: Connection, draft: AuditDraft) -> int:
    """Count the entries that say of a record what a draft says, in the chain of its tenant."""
    entries = t.audit_entries.c
    alike = (entries.action == draft.action, entries.outcome == draft.outcome)
    query = select(func.count()).where(
        entries.tenant == draft.tenant, entries.target == draft.target, *alike
    )
    return connection.execute(query).scalar_one()


def _locked_head(connection: Connection, tenant: str) -> AuditHead:
    start = {"tenant": tenant, "sequence": 0, "digest": GENESIS}
    insert_if_new(connection, t.audit_heads, start)
    query = select(t.audit_heads).where(t.audit_heads.c.tenant == tenant).with_for_update()
    return AuditHead(**connection.execute(query).mappings().one())
