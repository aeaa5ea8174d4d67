"""The audit log: what was done, and by whom."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.flow import Flow, Stream
from synthcxr.client.wire import Wire, get, pages, read, send
from synthcxr.resources import AuditEntry, Page


def list_entries(wire: Wire) -> Stream[AuditEntry]:
    """List what was done, newest first; needs the scope admin."""
    return pages(wire, AuditEntry, get("audit"))


def save_audit_log(wire: Wire, destination: str | Path) -> Flow[int]:
    """Save the audit log with its signed end; returns the number of entries.

    Args:
        destination: File to make or replace, for `synthcxr audit verify`.
    """
    head = (yield from send(wire, get("audit", "head"))).json()
    num_entries = int(json.loads(base64.b64decode(head["payload"]))["sequence"])
    cursor: str | None = str(num_entries + 1)
    with Path(destination).open("w", encoding="utf-8") as file:
        file.write(json.dumps(head) + "\n")
        while cursor is not None:
            page = yield from read(wire, Page, get("audit", cursor=cursor, limit=200))
            file.writelines(json.dumps(entry) + "\n" for entry in page.items)
            cursor = page.next_cursor
    return num_entries


class AuditLog(Group):
    """What was done, and by whom."""

    list = Items(list_entries)
    save = Answer(save_audit_log)


class AsyncAuditLog(AsyncGroup):
    """What was done, and by whom."""

    list = AsyncItems(list_entries)
    save = AsyncAnswer(save_audit_log)
