"""How a radiograph was taken, and of whom, as far as it is kept beside the image."""

from __future__ import annotations

from typing import NamedTuple

OLDEST_YEARS = 90.0  # whoever is older is 90: so old, an age may name a person


class Acquisition(NamedTuple):
    """What a DICOM file says of the radiograph.

    Args:
        age_years: Of the patient, at most 90; None where unknown.
        sex: F, M or O (other); empty where unknown.
        view_position: PA, AP, LL and so on; empty where unknown.
        laterality: L, R, U (unpaired) or B (both); empty where unknown.
        row_spacing_mm: Distance between rows of the file's image; None where unknown.
        column_spacing_mm: Distance between its columns; None where unknown.
        manufacturer: Of the equipment; empty where unknown.
    """

    age_years: float | None = None
    sex: str = ""
    view_position: str = ""
    laterality: str = ""
    row_spacing_mm: float | None = None
    column_spacing_mm: float | None = None
    manufacturer: str = ""
