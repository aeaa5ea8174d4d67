"""DICOM files that say themselves that text is burned into their pixels."""

from __future__ import annotations

from radiographs.errors import UnreadableImage
from radiographs.reading.image_header import ImageHeader


def checked(header: ImageHeader | UnreadableImage, allow: bool) -> ImageHeader | UnreadableImage:
    """Return a header, or why its image is left out.

    Args:
        header: Of any image; what is wrong already stays so.
        allow: Whether images are kept that say that text is burned in.
    """
    facts = header.dicom if isinstance(header, ImageHeader) else None
    if facts is None or not facts.has_burned_in_text or allow:
        return header
    return UnreadableImage(
        "burned_in_annotation",
        "It says that text is burned into its pixels, which may name the patient. Export it "
        "without, or allow it with allow_burned_in_annotation.",
    )
