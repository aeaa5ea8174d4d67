"""Whose image a DICOM file says it is."""

from __future__ import annotations

import re

from radiographs.reading.placeholders import is_nobody

_FILLED_IN = re.compile(r"(patient[\W_]?)?0+|x+", re.IGNORECASE)


def known_patient(patient_id: str) -> str | None:
    """Return a PatientID without blanks around it, or None where it means nobody.

    Who issued the id is not looked at: one patient is often exported with an issuer and without.
    Two hospitals' patients of one number are therefore kept together, which costs some images of
    the holdout and tears nobody apart.
    """
    stripped = " ".join(patient_id.split())
    return None if is_nobody(stripped) or _FILLED_IN.fullmatch(stripped) else stripped
