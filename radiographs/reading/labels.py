"""Class labels: which are allowed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from radiographs.errors import IngestRefused

MAX_LABEL_CHARACTERS = 64
MAX_LABEL_BYTES = 200  # in UTF-8; a label names folders, and a name may take 255 with its suffix
# A cell that begins so is a formula to a spreadsheet (OWASP, "CSV injection").
_FORMULA_STARTS = ("=", "+", "-", "@")
# Microsoft, "Naming files, paths, and namespaces"; what these names end in does not matter.
_DEVICES = {"con", "prn", "aux", "nul"} | {
    f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"
}
_REPLACED_IN_FOLDERS = re.compile(r'[<>:"|?*]')


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


def is_label(text: str) -> bool:
    """Say whether a text can be a label as it stands."""
    return _problem(text) is None


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
