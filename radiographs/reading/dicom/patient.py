"""Whose image a DICOM file says it is."""

from __future__ import annotations

import re

# What programs write in the place of a PatientID that was removed or never known.
_NOBODY = re.compile(
    r"""
    [\W_]* | 0+ | x+ | n/?a | nan | nil | none | null | no\ ?(id|patient\ ?id) | test | unknown
    | anon(ym(ous|i[sz]ed)?)?(\ ?patient)? | dummy | redacted | no\ ?name
    | patient ([\W_]?(id|0+))? | de-?identified | removed | unbekannt
    """,
    re.IGNORECASE | re.VERBOSE,
)


def known_patient(patient_id: str) -> str | None:
    """Return a PatientID without blanks around it, or None where it means nobody.

    Who issued the id is not looked at: one patient is often exported with an issuer and without.
    Two hospitals' patients of one number are therefore kept together, which costs some images of
    the holdout and tears nobody apart.
    """
    stripped = " ".join(patient_id.split())
    return None if _NOBODY.fullmatch(stripped) else stripped
