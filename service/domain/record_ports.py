"""All records of one database, and what it keeps of those who use it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from service.domain.api_keys import ApiKey
from service.domain.audit import AuditDraft, AuditEntry, AuditHead
from service.domain.catalog_ports import Catalog, Deletions, Releases
from service.domain.job_ports import Jobs, Workers
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.statistics import Statistics
from service.domain.webhook_ports import Webhooks


class Database(Protocol):
    """What the records lie in."""

    def check(self) -> None:
        """Raise RecordsUnavailable when it cannot serve this version.

        Raises:
            SchemaUnknown: It has the schema of another version.
            RecordsUnavailable: It cannot be reached, or has no schema yet.
        """

    def wipe(self) -> None:
        """Overwrite what deleted rows left in the database's files, where it can be done."""

    def close(self) -> None:
        """Close all connections."""


class ApiKeys(Protocol):
    """API keys. A tenant's keys are unknown to the administrators of another."""

    def add(self, key: ApiKey, audit: AuditDraft | None = None) -> None:
        """Write a new key, and what the audit log is to say of it, in one transaction."""

    def key(self, tenant: str, key_id: str) -> ApiKey:
        """Return a key of a tenant, or raise ApiKeyNotFound."""

    def keys(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[ApiKey]:
        """List the keys of a tenant, newest first, those that ended too."""

    def change(
        self,
        tenant: str,
        key_id: str,
        change: Callable[[ApiKey], ApiKey],
        audit: AuditDraft | None = None,
    ) -> ApiKey:
        """Write a changed key over a tenant's key in one transaction, and return it.

        Args:
            tenant: Whose the key is.
            key_id: The key.
            change: Returns what becomes of it.
            audit: Is written in the same transaction.

        Raises:
            ApiKeyNotFound: The tenant has none of this identifier.
        """

    def by_secret(self, secret_sha256: str) -> ApiKey | None:
        """Return the key that has, or had before its last rotation, a secret of this digest."""

    def note_use(self, key_id: str) -> None:
        """Write that a key is used now, unless one was written within the last minute."""


class AuditLog(Protocol):
    """What was done, by whom: one chain of entries for each tenant, which only grows."""

    def append(self, *drafts: AuditDraft) -> None:
        """Write entries, in one transaction."""

    def note_policy(self, draft: AuditDraft) -> None:
        """Write an entry of action `set_policy` unless the last one names the same target."""

    def entries(
        self, tenant: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[AuditEntry]:
        """List the entries of a tenant, newest first."""

    def of_action(self, tenant: str, action: str, target: str) -> list[AuditEntry]:
        """List what came of an action on a record each time, oldest first."""

    def head(self, tenant: str) -> AuditHead:
        """Return the end of a tenant's chain."""

    def tenants(self) -> list[str]:
        """Return whose chains there are."""


class StatisticsSource(Protocol):
    """Figures of all records together."""

    def read(self) -> Statistics:
        """Return the present figures."""


@dataclass(frozen=True, slots=True)
class Records:
    """Jobs and what they made, in one database: all of them, or those of one tenant.

    Workers and the scheduler use all of them. The API uses those of its caller's tenant: records
    of other tenants are not there for any method, and what is written is the tenant's own.

    Attributes:
        database: What they lie in.
        jobs: Jobs, their logs and their claims.
        catalog: Datasets and models.
        releases: Synthetic sets and their examinations.
        workers: The processes that run jobs.
        api_keys: What clients show to be let in.
        deletions: Deletions of datasets and models.
        audit: What was done, by whom.
        of_tenant: Returns the records of one tenant.
        statistics: Figures of all of them.
        webhooks: Webhooks, and the messages that are on their way to them.
    """

    database: Database
    jobs: Jobs
    catalog: Catalog
    releases: Releases
    workers: Workers
    api_keys: ApiKeys
    deletions: Deletions
    audit: AuditLog
    of_tenant: Callable[[str], "Records"]
    statistics: StatisticsSource
    webhooks: Webhooks
