"""The records in memory: for tests, and to read the ports as plain code."""

from dataclasses import dataclass

from service.domain.record_ports import Records
from tests.in_memory.catalog import MemoryCatalog, MemoryReleases
from tests.in_memory.deletions import MemoryDeletions
from tests.in_memory.jobs import MemoryJobs
from tests.in_memory.operations import (
    MemoryApiKeys,
    MemoryAuditLog,
    MemoryStatistics,
    MemoryWorkers,
)
from tests.in_memory.tables import MemoryTables
from tests.in_memory.webhooks import MemoryWebhooks


@dataclass
class MemoryStore(MemoryTables):
    """Records in dictionaries; keeps every promise but durability."""

    def records(self, tenant: str | None = None) -> Records:
        """Return the ports that read and write here: records of one tenant, or of all."""
        return Records(
            self,
            MemoryJobs(self, tenant),
            MemoryCatalog(self, tenant),
            MemoryReleases(self, tenant),
            MemoryWorkers(self),
            MemoryApiKeys(self),
            MemoryDeletions(self, tenant),
            MemoryAuditLog(self),
            self.records,
            MemoryStatistics(self),
            MemoryWebhooks(self, tenant),
        )
