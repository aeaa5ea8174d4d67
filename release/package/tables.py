"""The films of a set as tables: one of labels, one as Hugging Face's image folders read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from release.package.manifest import PackagedFilm

LABELS = "labels.csv"
METADATA = "metadata.csv"


def labels_csv(films: Iterable[PackagedFilm]) -> bytes:
    """List the films of a class with their labels; this is a layout that our own ingest reads."""
    rows = ((film.member.path, film.label) for film in films if film.label is not None)
    return _csv(("file", "label"), rows)


def metadata_csv(films: Iterable[PackagedFilm]) -> bytes:
    """List all films; one of no class has an empty label, and its kind says what it is.

    Reference: Hugging Face datasets, "ImageFolder": a `metadata.csv` with a column `file_name`.
    """
    rows = ((film.member.path, film.label or "", film.origin.kind) for film in films)
    return _csv(("file_name", "label", "kind"), rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[str | None]]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    return text.getvalue().encode()
