"""From which side a radiograph was taken, as tables and DICOM files say it."""

from __future__ import annotations

from radiographs.reading.file_kinds import plain
from radiographs.warnings import IngestWarning

# Defined terms of View Position (DICOM PS3.3, C.8.7.1.1) and what tables write for it.
_LATERAL = {"lateral", "ll", "l", "lat", "rl", "lldecubitus", "llat", "rlat", "seitlich", "profil"}
_VIEWS = _LATERAL | {"pa", "ap", "frontal", "pafrontal", "apsupine", "supine", "erect", "decubitus"}


def is_lateral(view: str) -> bool:
    """Say whether a view position means a lateral radiograph."""
    return plain(view) in _LATERAL


def is_view(text: str) -> bool:
    """Say whether a text only says a view position."""
    return plain(text) in _VIEWS


def lateral_views(num_lateral: int, num_images: int) -> list[IngestWarning]:
    """Warn of lateral radiographs among others."""
    if not 0 < num_lateral < num_images:
        return []
    detail = (
        "These are lateral views among frontal ones, and models will mix them. Leave them out, or "
        "make a dataset of them."
    )
    return [IngestWarning("lateral_views", detail, num_lateral)]
