"""What a DICOM file says it shows, and of whom."""

from __future__ import annotations

import math
import re
import unicodedata

import pydicom

from radiographs.acquisition import OLDEST_YEARS, Acquisition
from radiographs.errors import UnreadableImage
from radiographs.quoting import quoted
from radiographs.reading.dicom.values import integer, text

KEYWORDS = [
    *("SOPClassUID", "Modality", "Manufacturer", "PatientID", "PatientSex", "PatientAge"),
    *("BodyPartExamined", "AnatomicRegionSequence", "ViewPosition", "ImageLaterality"),
    *("Laterality", "PixelSpacing", "ImagerPixelSpacing", "PresentationIntentType"),
    "BurnedInAnnotation",
]
_RADIOGRAPHS = {"CR", "DX", "DR", "RG"}
_UNTOLD_MODALITIES = {"", "OT", "SC"}  # of images that were captured or converted
_CHEST = ("CHEST", "THORA", "TORAX", "TORACE", "TORACIC", "LUNG", "PULM", "BRUST", "POUMON")
_NO_CHEST = ("SPINE", "VERTEBR", "WIRBEL")  # thoracic, for example
_UNTOLD_PARTS = {
    "",
    "UNKNOWN",
    "NONE",
    "NA",
    "OTHER",
    "DEFAULT",
    "UNDEFINED",
    "ANY",
    "NOTSPECIFIED",
}
# What a message may name: other values are not quoted, since anything may stand there.
_NAMED_MODALITIES = {
    *("CT", "MR", "US", "NM", "PT", "MG", "XA", "RF", "IO", "PX", "ES", "XC", "SR", "PR", "KO"),
    *("SEG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT", "ECG", "DOC"),
}
_NAMED_PARTS = {
    *("ABDOMEN", "ANKLE", "ARM", "BREAST", "CSPINE", "ELBOW", "FEMUR", "FINGER", "FOOT", "FOREARM"),
    *("HAND", "HEAD", "HIP", "HUMERUS", "KNEE", "LEG", "LSPINE", "NECK", "PELVIS", "RIB", "RIBS"),
    *("SHOULDER", "SKULL", "SPINE", "TOE", "TSPINE", "WHOLEBODY", "WRIST", "THORACICSPINE"),
}
_DICOMDIR = "1.2.840.10008.1.3.10"
_YEARS_OF = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}
# defined terms of View Position and usual others; anything else might be free text
_VIEWS = {"PA", "AP", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LAT", "LATERAL", "LLAT", "RLAT"}
_LONGEST_MANUFACTURER = 64


def check_chest(elements: pydicom.Dataset) -> None:
    """Refuse what is known to be no radiograph of a chest.

    Raises:
        UnreadableImage: other_modality, other_body_part.
    """
    if text(elements, "SOPClassUID") == _DICOMDIR:
        raise UnreadableImage("no_pixels", "It is a DICOMDIR, a directory of other files.")
    modality = text(elements, "Modality").upper()
    if modality not in _RADIOGRAPHS | _UNTOLD_MODALITIES:
        named = modality if modality in _NAMED_MODALITIES else "none of these"
        reason = f"Radiographs have the modality {', '.join(sorted(_RADIOGRAPHS))}; its is {named}."
        raise UnreadableImage("other_modality", reason)
    part = _body_part(elements)
    if part not in _UNTOLD_PARTS and not _is_chest(part):
        named = part if part in _NAMED_PARTS else "another part of the body"
        reason = f"It does not show a chest but {named}."
        raise UnreadableImage("other_body_part", reason)


def check_single_frame(elements: pydicom.Dataset) -> None:
    """Refuse several frames.

    Raises:
        UnreadableImage: multi_frame.
    """
    num_frames = integer(elements, "NumberOfFrames", default=1)
    if num_frames > 1:
        reason = f"It has {num_frames} frames; export the one that is meant by itself."
        raise UnreadableImage("multi_frame", reason)


def remarks(elements: pydicom.Dataset) -> list[str]:
    """Return the codes of warnings that the file as a whole gives reason for."""
    found = []
    if text(elements, "Modality").upper() in _UNTOLD_MODALITIES:
        found.append("modality_unknown")
    if text(elements, "PresentationIntentType").upper() == "FOR PROCESSING":
        found.append("not_for_presentation")
    return found


def acquisition(elements: pydicom.Dataset) -> Acquisition:
    """Return what is kept beside the image."""
    view = text(elements, "ViewPosition").upper()
    side = (text(elements, "ImageLaterality") or text(elements, "Laterality")).upper()
    sex = text(elements, "PatientSex").upper()
    row_spacing, column_spacing = _spacing(elements)
    return Acquisition(
        age_years=_age_years(text(elements, "PatientAge")),
        sex=sex if sex in {"F", "M", "O"} else "",
        view_position=view if view in _VIEWS else "",
        laterality=side if side in {"L", "R", "U", "B"} else "",
        row_spacing_mm=row_spacing,
        column_spacing_mm=column_spacing,
        manufacturer=quoted(text(elements, "Manufacturer"))[:_LONGEST_MANUFACTURER],
    )


def _body_part(elements: pydicom.Dataset) -> str:
    """Return the body part in capital letters: as a defined term, or by its code's meaning."""
    part = _plain(text(elements, "BodyPartExamined"))
    regions = elements.get("AnatomicRegionSequence")
    if part in _UNTOLD_PARTS and regions:
        part = _plain(text(regions[0], "CodeMeaning"))
    return part


def _plain(part: str) -> str:
    letters = unicodedata.normalize("NFKD", part.upper())
    return "".join(letter for letter in letters if letter.isalnum())


def _is_chest(part: str) -> bool:
    return any(name in part for name in _CHEST) and not any(name in part for name in _NO_CHEST)


def _age_years(age: str) -> float | None:
    """Read an age such as 045Y or 018M (PS3.5, table 6.2-1, AS)."""
    found = re.fullmatch(r"(\d{1,3})([YMWD]?)", age.upper())
    if not found:
        return None
    years = int(found.group(1)) * _YEARS_OF[found.group(2) or "Y"]
    return min(years, OLDEST_YEARS)


def _spacing(elements: pydicom.Dataset) -> tuple[float | None, float | None]:
    """Return the distances of rows and columns: calibrated, else at the detector."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        try:
            rows, columns = (float(each) for each in elements.get(keyword) or ())
        except (TypeError, ValueError):
            continue
        if 0 < rows < math.inf and 0 < columns < math.inf:
            return rows, columns
    return None, None
