"""Deletions of datasets and models, each with a signed receipt."""

from __future__ import annotations

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.flow import Flow, Stream
from synthcxr.client.wire import Call, Wire, get, pages, path_of, read
from synthcxr.resources import Deletion


def list_deletions(wire: Wire) -> Stream[Deletion]:
    """List the deletions of datasets and models, newest first."""
    return pages(wire, Deletion, get("deletions"))


def get_deletion(wire: Wire, deletion_id: str) -> Flow[Deletion]:
    """Read a deletion and its receipt."""
    return read(wire, Deletion, get("deletions", deletion_id))


def delete(wire: Wire, kind: str, record_id: str, *, cascade: bool) -> Flow[Deletion]:
    """Delete a record; with `cascade` also what was made of it."""
    params = {"cascade": "true"} if cascade else {}
    return read(wire, Deletion, Call("DELETE", path_of(kind, record_id), params))


class Deletions(Group):
    """Deletions of datasets and models."""

    list = Items(list_deletions)
    get = Answer(get_deletion)


class AsyncDeletions(AsyncGroup):
    """Deletions of datasets and models."""

    list = AsyncItems(list_deletions)
    get = AsyncAnswer(get_deletion)
