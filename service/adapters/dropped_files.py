"""The names of all files that an ingest left out: a file beside the images, as private as these.

One line of JSON for each. The record of the dataset has their counts and the first few alone, so
that a list of datasets stays short whatever was in them.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from service.domain.errors import InvalidRequest
from service.domain.paging import Page
from service.domain.ports import ArtifactStore
from service.domain.records import Dataset, DroppedFile

NAME = "dropped.jsonl"


def write_dropped(folder: Path, dropped: Iterable[DroppedFile]) -> None:
    """Write the list into a dataset's folder."""
    with (folder / NAME).open("w", encoding="ascii") as file:
        file.writelines(json.dumps(asdict(each)) + "\n" for each in dropped)


def dropped_files(
    artifacts: ArtifactStore, dataset: Dataset, cursor: str | None, limit: int
) -> Page[DroppedFile]:
    """Read a page of the list.

    Args:
        artifacts: Where the dataset lies.
        dataset: The dataset; one that an earlier version ingested has the list in its record.
        cursor: Where the page begins; None for the first.
        limit: Files on a page.

    Raises:
        InvalidRequest: The cursor is none of this list.
    """
    path = artifacts.path(f"{dataset.artifact.key}/{NAME}") if dataset.artifact else None
    if path is not None and path.exists():
        return _read_page(path, cursor, limit)
    start = _number(cursor)
    end = start + limit
    more = end < len(dataset.dropped)
    return Page(dataset.dropped[start:end], str(end) if more else None)


def _read_page(path: Path, cursor: str | None, limit: int) -> Page[DroppedFile]:
    with path.open("rb") as file:
        _seek_line(file, cursor)
        lines = list(islice(file, limit))
        end = file.tell()
        more = bool(file.read(1))
    return Page([DroppedFile(**json.loads(line)) for line in lines], str(end) if more else None)


def _seek_line(file: BinaryIO, cursor: str | None) -> None:
    """Go to the line that begins at a byte."""
    start = _number(cursor)
    file.seek(max(start - 1, 0))
    if start and file.read(1) != b"\n":
        raise _no_cursor()


def _number(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not re.fullmatch(r"[0-9]{1,15}", cursor):
        raise _no_cursor()
    return int(cursor)


def _no_cursor() -> InvalidRequest:
    return InvalidRequest.at("/query/cursor", "Pass the next_cursor of an earlier page unchanged.")
