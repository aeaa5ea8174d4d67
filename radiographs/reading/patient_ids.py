"""What a table calls a patient: one spelling for each, and none where it is not known."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from radiographs.reading.listing import ListedImage
from radiographs.warnings import IngestWarning

# What people and programs write where the patient is not known.
_UNKNOWN = {
    *("", "-", "--", "---", "?", "??", ".", "na", "n/a", "n.a.", "#n/a", "<na>", "nan", "nat"),
    *("null", "nil", "none", "unknown", "unk", "unbekannt", "inconnu", "desconocido", "missing"),
    *("not available", "not known", "no id", "noid", "anonymous", "anonymized", "anonymised"),
    *("anonym", "anon", "undefined", "unspecified", "tbd", "-1", "dummy", "redacted", "removed"),
    *("anonymous patient", "no name", "noname", "k.a.", "k. a.", "keine"),
}
_NUMBER = re.compile(r"[+-]?(\d+)(?:[.,]0*)?")
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?e\+?\d+")
_MIN_OF_NOBODY = 8  # images that share the number 0 before it is taken for nobody


def one_spelling(cell: str) -> str:
    """Return the one spelling of a patient: 3, 3.0 and 003 are one; empty where unknown."""
    folded = " ".join(unicodedata.normalize("NFKC", cell).casefold().split())
    if folded in _UNKNOWN:
        return ""
    number = _NUMBER.fullmatch(folded)
    return str(int(number[1])) if number else folded


def with_one_spelling(
    images: Sequence[ListedImage],
) -> tuple[list[ListedImage], list[IngestWarning]]:
    """Spell each patient in one way; who is not known is nobody.

    The number 0 is nobody where far more images have it than any other patient has; else it is a
    patient like any other.
    """
    spelt = [
        None if image.patient_id is None else one_spelling(image.patient_id) for image in images
    ]
    counts = Counter(filter(None, spelt))
    zeros = counts.pop("0", 0)
    if zeros >= _MIN_OF_NOBODY and zeros > 2 * max(counts.values(), default=0):
        spelt = ["" if patient == "0" else patient for patient in spelt]
    warnings = _warnings(spelt)
    found = [
        image if image.patient_id == patient else replace(image, patient_id=patient or None)
        for image, patient in zip(images, spelt, strict=True)
    ]
    return found, warnings


def _warnings(spelt: Sequence[str | None]) -> list[IngestWarning]:
    warnings = []
    num_unknown = sum(patient == "" for patient in spelt)
    if num_unknown:
        detail = (
            "The patient is said to be unknown (unknown, NA, nan, none, -, 0 or the like); each "
            "such image counts as a patient of its own, and copies alone are kept together."
        )
        warnings.append(IngestWarning("patients_unknown", detail, num_unknown))
    num_rounded = sum(bool(patient and _ROUNDED.fullmatch(patient)) for patient in spelt)
    if num_rounded:
        detail = (
            "A spreadsheet has rounded numbers of patients (1.23E+11): different patients may be "
            "one. Export the column as text."
        )
        warnings.append(IngestWarning("patients_rounded", detail, num_rounded))
    return warnings
