"""What a table calls a patient: one spelling for each, and none where it is not known."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from radiographs.reading.listing import ListedImage
from radiographs.reading.placeholders import is_nobody
from radiographs.warnings import IngestWarning

_NUMBER = re.compile(r"[+-]?(\d+)(?:[.,]0*)?")
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?e\+?\d+")
_FILLED_IN = re.compile(r"0|(\d)\1{3,}|12345\d*|x+")  # where a program asks for a number
_MIN_OF_NOBODY = 8  # images that share such a number before it is taken for nobody


def one_spelling(cell: str) -> str:
    """Return the one spelling of a patient: 3, 3.0 and 003 are one; empty where unknown."""
    if is_nobody(cell):
        return ""
    folded = " ".join(unicodedata.normalize("NFKC", cell).casefold().split())
    number = _NUMBER.fullmatch(folded)
    return str(int(number[1])) if number else folded


def filled_in(patients: Iterable[str | None]) -> set[str]:
    """Return the numbers that stand for nobody: such as 0 and 9999, where many images have them.

    Many are far more than any other patient has.

    Args:
        patients: Of each image, in one spelling.
    """
    counts = Counter(patient for patient in patients if patient)
    likely = {patient for patient in counts if _FILLED_IN.fullmatch(patient)}
    most = max((number for each, number in counts.items() if each not in likely), default=0)
    return {each for each in likely if counts[each] >= max(_MIN_OF_NOBODY, 2 * most + 1)}


def with_one_spelling(
    images: Sequence[ListedImage],
) -> tuple[list[ListedImage], list[IngestWarning]]:
    """Spell each patient in one way; who is not known is nobody.

    A number such as 0 or 9999 is nobody where far more images have it than any other patient has;
    else it is a patient like any other.
    """
    spelt = [
        None if image.patient_id is None else one_spelling(image.patient_id) for image in images
    ]
    nobody = filled_in(spelt)
    spelt = ["" if patient in nobody else patient for patient in spelt]
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
            "The patient is said to be unknown (unknown, NA, none, test, 0, 9999 or so); each "
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
