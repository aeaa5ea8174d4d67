"""What an ingest keeps beside the images, as private as these: lists of files, a contact sheet.

The files that were left out, and those that text was found in.

One line of JSON for each file. The record of the dataset has their counts and the first few alone,
so that a list of datasets stays short whatever was in them.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from service.domain.errors import InvalidRequest
from service.domain.paging import Page
from service.domain.ports import ArtifactStore
from service.domain.records import Dataset, DroppedFile, ImageWithText

DROPPED = "dropped.jsonl"
WITH_TEXT = "burned_in_text.jsonl"
CONTACT_SHEET = "samples.png"

Entry = TypeVar("Entry", DroppedFile, ImageWithText)


def write_dropped(folder: Path, dropped: Iterable[DroppedFile]) -> None:
    """Write the list of files that were left out into a dataset's folder."""
    _write(folder / DROPPED, dropped)


def write_images_with_text(folder: Path, images: Iterable[ImageWithText]) -> None:
    """Write the list of images that text is burnt into."""
    _write(folder / WITH_TEXT, images)


def dropped_files(
    artifacts: ArtifactStore, dataset: Dataset, cursor: str | None, limit: int
) -> Page[DroppedFile]:
    """Read a page of the files that were left out.

    Args:
        artifacts: Where the dataset lies.
        dataset: The dataset.
        cursor: Where the page begins; None for the first.
        limit: Files on a page.

    Raises:
        InvalidRequest: The cursor is none of this list.
    """
    return _page(_path(artifacts, dataset, DROPPED), DroppedFile, cursor, limit)


def images_with_text(
    artifacts: ArtifactStore, dataset: Dataset, cursor: str | None, limit: int
) -> Page[ImageWithText]:
    """Read a page of the images that text is burnt into; see `dropped_files`."""
    return _page(_path(artifacts, dataset, WITH_TEXT), ImageWithText, cursor, limit)


def contact_sheet(artifacts: ArtifactStore, dataset: Dataset) -> bytes | None:
    """Read the picture of a dataset's first images; None where it is gone."""
    path = _path(artifacts, dataset, CONTACT_SHEET)
    return path.read_bytes() if path else None


def _write(path: Path, entries: Iterable[DroppedFile | ImageWithText]) -> None:
    with path.open("w", encoding="ascii") as file:
        file.writelines(json.dumps(asdict(each)) + "\n" for each in entries)


def _path(artifacts: ArtifactStore, dataset: Dataset, name: str) -> Path | None:
    """Return where a list lies, if there is one."""
    path = artifacts.path(f"{dataset.artifact.key}/{name}") if dataset.artifact else None
    return path if path is not None and path.exists() else None


def _page(path: Path | None, entry: type[Entry], cursor: str | None, limit: int) -> Page[Entry]:
    if path is None:
        _number(cursor)
        return Page((), None)
    with path.open("rb") as file:
        _seek_line(file, cursor)
        lines = list(islice(file, limit))
        end = file.tell()
        more = bool(file.read(1))
    return Page([entry(**json.loads(line)) for line in lines], str(end) if more else None)


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
