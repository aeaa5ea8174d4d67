"""The images of a set as tables: one of labels, one as Hugging Face's image folders read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from release.package.manifest import PackagedImage


def labels_csv(images: Iterable[PackagedImage]) -> bytes:
    """List the images of a class with their labels; this is a layout that our own ingest reads."""
    rows = ((image.member.path, image.label) for image in images if image.label is not None)
    return _csv(("file", "label"), rows)


def metadata_csv(images: Iterable[PackagedImage]) -> bytes:
    """List all images; one of no class has an empty label, and its kind says what it is.

    Reference: Hugging Face datasets, "ImageFolder": a `metadata.csv` with a column `file_name`.
    """
    rows = ((image.member.path, image.label or "", image.origin.kind) for image in images)
    return _csv(("file_name", "label", "kind"), rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[str | None]]) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    return text.getvalue().encode()
