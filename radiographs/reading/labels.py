"""Class labels: which are allowed, and how labels.csv gives them."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from radiographs.errors import IngestRefused

MAX_LABELS_BYTES = 32 << 20  # more than 100 for each of the most files an archive may have
MAX_LABEL_CHARACTERS = 64
MAX_LABEL_BYTES = 200  # in UTF-8; a label names folders, and a name may take 255 with its suffix
_MAX_CELLS = 1000  # of a row
# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV injection").
_FORMULA_STARTS = ("=", "+", "-", "@")
# Microsoft, "Naming files, paths, and namespaces"; what these names end in does not matter.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"
}
_REPLACED_IN_FOLDERS = re.compile(r'[<>:"|?*]')


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


def checked_label(label: str, where: str, files: Sequence[str] = ()) -> str:
    """Return the label in composed Unicode, or refuse it.

    Args:
        label: Folder name or cell.
        where: What to call the place in the message, which does not quote the label.
        files: For those who may see the images: which folder it is.

    Raises:
        IngestRefused: labels_invalid.
    """
    label = unicodedata.normalize("NFC", label.strip())
    problem = _problem(label)
    if problem is None:
        return label
    raise IngestRefused(
        "labels_invalid", f"{where} cannot be a label; {problem}. Rename it.", files
    )


def check_distinct(labels: Iterable[tuple[str, str]]) -> None:
    """Refuse labels that would be one folder on some file system: `A` and `a`.

    Args:
        labels: Each with the place where it was first found.

    Raises:
        IngestRefused: labels_invalid.
    """
    places: dict[str, tuple[str, str]] = {}
    for label, place in labels:
        first, first_place = places.setdefault(_folder_key(label), (label, place))
        if first != label:
            raise IngestRefused(
                "labels_invalid",
                "Two labels are one name to some file systems, since they differ in capital "
                "letters or the like alone. Give both the same label, or one of them another name.",
                [f"{first_place} and {place}"],
            )


def parse_labels(data: bytes) -> list[LabelRow]:
    """Read labels.csv: UTF-8, comma-separated, columns file, label and optionally patient_id.

    Other columns are ignored, so that our own release sets can be read.

    Raises:
        IngestRefused: labels_invalid, naming the line and the reason and quoting no cell: these
            may be names of patients.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _invalid(line, "it is not UTF-8") from error
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        rows = [_row(header, cells, reader.line_num) for cells in reader if any(cells)]
    except csv.Error as error:
        raise _invalid(reader.line_num, str(error)) from error
    if not rows:
        raise _invalid(1, "there are no rows below the header")
    seen: dict[str, int] = {}
    for row in rows:
        first = seen.setdefault(row.file, row.line)
        if first != row.line:
            raise _invalid(row.line, f"the file of this row was already labelled on line {first}")
    check_distinct((row.label, f"labels.csv, line {row.line}") for row in rows)
    return rows


def _problem(label: str) -> str | None:
    """Say what keeps a label from being the name of a class, a folder and a cell."""
    if not 0 < len(label) <= MAX_LABEL_CHARACTERS or label in {".", ".."}:
        return f"a label has 1 to {MAX_LABEL_CHARACTERS} characters and is no '.' or '..'"
    if not label.isprintable() or "/" in label or "\\" in label:
        return "a label has only printable characters and no '/' or '\\'"
    if len(label.encode()) > MAX_LABEL_BYTES:
        return f"a label has at most {MAX_LABEL_BYTES} bytes in UTF-8"
    plain = unicodedata.normalize("NFKC", label)
    if plain.startswith(_FORMULA_STARTS):
        return "a label does not begin as a formula does, with '=', '+', '-' or '@'"
    if label.endswith(".") or plain.casefold().partition(".")[0].strip() in _DEVICES:
        return "a label does not end in '.' and is no name that Windows keeps for a device"
    return None


def _folder_key(label: str) -> str:
    """Return what a label's folder is to the file system that ignores most differences."""
    plain = _REPLACED_IN_FOLDERS.sub("_", unicodedata.normalize("NFKC", label))
    return unicodedata.normalize("NFKC", plain.casefold()).strip(". ")


def _check_header(header: list[str]) -> None:
    if "file" not in header or "label" not in header:
        raise _invalid(1, "the columns 'file' and 'label' are needed, and are not both there")
    if len(header) > _MAX_CELLS:
        raise _invalid(1, f"it has {len(header)} columns and {_MAX_CELLS} are allowed")
    for name in ("file", "label", "patient_id"):
        if header.count(name) > 1:
            raise _invalid(1, f"the column '{name}' is there twice")


def _row(header: list[str], cells: list[str], line: int) -> LabelRow:
    if len(cells) != len(header):
        raise _invalid(line, f"it has {len(cells)} cells and the header {len(header)}")
    values = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    file = values["file"].replace("\\", "/").removeprefix("./")
    if not file or file.startswith("/") or ".." in file.split("/") or "\0" in file:
        raise _invalid(line, "the file is no path below the folder of labels.csv")
    label = checked_label(values["label"], f"labels.csv, line {line}: the cell in column 'label'")
    return LabelRow(file, label, values.get("patient_id") or None, line)


def _invalid(line: int, problem: str) -> IngestRefused:
    return IngestRefused(
        "labels_invalid",
        f"labels.csv, line {line}: {problem}. Expected UTF-8 rows file,label[,patient_id] under "
        "such a header.",
    )
