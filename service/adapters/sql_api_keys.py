"""API keys in SQLite or PostgreSQL."""

from collections.abc import Callable

from sqlalchemy import insert, or_, select, update
from typing_extensions import override

from service.adapters import sql_tables as t
from service.adapters.sql_audit import write_entry
from service.adapters.sql_database import Database, locked_row, page_query
from service.adapters.sql_rows import api_key_of, api_key_row
from service.domain.api_keys import LAST_USE_RESOLUTION, ApiKey
from service.domain.audit import AuditDraft
from service.domain.errors import ApiKeyNotFound
from service.domain.paging import DEFAULT_LIMIT, Page, page_of
from service.domain.record_ports import ApiKeys


class SqlApiKeys(ApiKeys):
    """The API keys of one database.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @override
    def add(self, key: ApiKey, audit: AuditDraft | None = None) -> None:
        with self._database.writing() as connection:
            connection.execute(insert(t.api_keys).values(api_key_row(key)))
            if audit:
                write_entry(connection, audit, self._database.now())

    @override
    def key(self, tenant: str, key_id: str) -> ApiKey:
        keys = t.api_keys.c
        query = select(t.api_keys).where(keys.id == key_id, keys.tenant == tenant)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise ApiKeyNotFound.named(key_id)
        return api_key_of(row)

    @override
    def keys(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[ApiKey]:
        query = page_query(t.api_keys, cursor, limit).where(t.api_keys.c.tenant == tenant)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return page_of([api_key_of(row) for row in rows], limit)

    @override
    def change(
        self,
        tenant: str,
        key_id: str,
        change: Callable[[ApiKey], ApiKey],
        audit: AuditDraft | None = None,
    ) -> ApiKey:
        with self._database.writing() as connection:
            row = locked_row(connection, t.api_keys, key_id)
            if row is None or row["tenant"] != tenant:
                raise ApiKeyNotFound.named(key_id)
            key = change(api_key_of(row))
            values = api_key_row(key)
            connection.execute(update(t.api_keys).where(t.api_keys.c.id == key_id).values(values))
            if audit:
                write_entry(connection, audit, self._database.now())
            return key

    @override
    def by_secret(self, secret_sha256: str) -> ApiKey | None:
        keys = t.api_keys.c
        either = or_(keys.secret_sha256 == secret_sha256, keys.earlier_sha256 == secret_sha256)
        with self._database.reading() as connection:
            row = connection.execute(select(t.api_keys).where(either)).mappings().first()
        return api_key_of(row) if row else None

    @override
    def note_use(self, key_id: str) -> None:
        keys, now = t.api_keys.c, self._database.now()
        is_old = or_(keys.last_used_at.is_(None), keys.last_used_at <= now - LAST_USE_RESOLUTION)
        with self._database.writing() as connection:
            connection.execute(
                update(t.api_keys).where(keys.id == key_id, is_old).values(last_used_at=now)
            )
