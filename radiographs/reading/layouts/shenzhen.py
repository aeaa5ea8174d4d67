"""The tuberculosis sets of Shenzhen and Montgomery: the label is in the name, CHNCXR_0001_1.png."""

from __future__ import annotations

import re

from radiographs.quoting import shortened
from radiographs.reading.file_index import FileIndex
from radiographs.reading.listing import DroppedFile, ListedImage, Listing
from radiographs.reading.tables.table import base_name

NAME = "Shenzhen and Montgomery"
_MIN_SHARE = 0.9
_IMAGE = re.compile(r"(?:CHN|MCU)CXR_\d{4}_([01])\.(?:png|jpe?g)", re.IGNORECASE)
_LABELS = {"0": "normal", "1": "tuberculosis"}


def read(index: FileIndex) -> Listing | None:
    """Read the sets of Shenzhen and Montgomery."""
    matches = {name: _IMAGE.fullmatch(base_name(name)) for name in index.images}
    if not matches or sum(map(bool, matches.values())) < _MIN_SHARE * len(matches):
        return None
    images = [
        ListedImage(name, _LABELS[match[1]]) for name, match in matches.items() if match is not None
    ]
    reason = "Its name does not say its label, as CHNCXR_0001_1.png does."
    dropped = [
        DroppedFile(shortened(name), "outside_layout", reason)
        for name, match in matches.items()
        if match is None
    ]
    return Listing(images, [*dropped, *index.dropped], layout=NAME)
