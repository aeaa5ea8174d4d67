"""Class labels: which are allowed, and how labels.csv gives them."""

from __future__ import annotations

import csv
import unicodedata
from typing import NamedTuple

from radiographs.errors import IngestRefused

MAX_LABEL_CHARACTERS = 64


class LabelRow(NamedTuple):
    """A row of labels.csv.

    Args:
        file: Path of the image, relative to labels.csv.
        label: The image's class.
        patient_id: Whose image it is; None where the file does not say.
        line: Where the row stands, counted from 1.
    """

    file: str
    label: str
    patient_id: str | None
    line: int


def checked_label(label: str, where: str) -> str:
    """Return the label in composed Unicode, or refuse it.

    Args:
        label: Folder name or cell.
        where: What to call the place in the message.

    Raises:
        IngestRefused: labels_invalid.
    """
    label = unicodedata.normalize("NFC", label.strip())
    if not 0 < len(label) <= MAX_LABEL_CHARACTERS or label in {".", ".."}:
        problem = f"a label has 1 to {MAX_LABEL_CHARACTERS} characters and is no '.' or '..'"
    elif not label.isprintable() or "/" in label or "\\" in label:
        problem = "a label has only printable characters and no '/' or '\\'"
    else:
        return label
    raise IngestRefused(
        "labels_invalid", f"{where}: the label {label[:80]!r} cannot be used; {problem}. Rename it."
    )


def parse_labels(data: bytes) -> list[LabelRow]:
    """Read labels.csv: UTF-8, comma-separated, columns file, label and optionally patient_id.

    Other columns are ignored, so that our own release sets can be read.

    Raises:
        IngestRefused: labels_invalid, naming the line and the reason.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _invalid(line, "it is not UTF-8") from error
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if "file" not in header or "label" not in header:
            raise _invalid(1, f"the columns are {header}, and 'file' and 'label' are needed")
        rows = [_row(header, cells, reader.line_num) for cells in reader if any(cells)]
    except csv.Error as error:
        raise _invalid(reader.line_num, str(error)) from error
    if not rows:
        raise _invalid(1, "there are no rows below the header")
    seen: dict[str, int] = {}
    for row in rows:
        first = seen.setdefault(row.file, row.line)
        if first != row.line:
            raise _invalid(row.line, f"{row.file!r} was already labelled on line {first}")
    return rows


def _row(header: list[str], cells: list[str], line: int) -> LabelRow:
    if len(cells) != len(header):
        raise _invalid(line, f"it has {len(cells)} cells and the header {len(header)}")
    values = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    file = values["file"].replace("\\", "/").removeprefix("./")
    if not file or file.startswith("/") or ".." in file.split("/"):
        raise _invalid(line, "the file is no path below the folder of labels.csv")
    label = checked_label(values["label"], f"labels.csv, line {line}")
    return LabelRow(file, label, values.get("patient_id") or None, line)


def _invalid(line: int, problem: str) -> IngestRefused:
    return IngestRefused(
        "labels_invalid",
        f"labels.csv, line {line}: {problem}. Expected UTF-8 rows file,label[,patient_id] under "
        "such a header.",
    )
