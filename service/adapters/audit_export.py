"""The audit log as JSON lines that `synthcxr audit verify` checks.

Of each tenant first the signed end of its chain, then the entries, newest first: each is known by
the digest that the line before it names.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict

from service.domain.audit import signed_head, timestamp
from service.domain.ports import Clock, SigningKeys
from service.domain.record_ports import AuditLog

_PAGE = 1000


def exported(log: AuditLog, keys: SigningKeys, clock: Clock) -> Iterator[str]:
    """Write the chains of all tenants."""
    for tenant in log.tenants():
        head = log.head(tenant)
        yield json.dumps(signed_head(head, keys, clock.now()))
        cursor: str | None = str(head.sequence + 1)
        while cursor:
            page = log.entries(tenant, cursor=cursor, limit=_PAGE)
            for entry in page.items:
                yield json.dumps(asdict(entry) | {"at": timestamp(entry.at)})
            cursor = page.next_cursor
