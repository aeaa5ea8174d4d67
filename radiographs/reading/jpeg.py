"""How much work a JPEG asks for, which neither its size nor its pixels show."""

from __future__ import annotations

import re

from radiographs.errors import UnreadableImage

# A progressive JPEG needs some ten scans. Each goes through all coefficients again, and can be
# a few bytes long: a megabyte of them would take minutes to decode.
MAX_SCANS = 100
_START_OF_SCAN = 0xDA
_END_OF_IMAGE = 0xD9
# Any marker but stuffed bytes, fill bytes and restarts, which lie within a scan.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])")


def check_scans(data: bytes) -> None:
    """Refuse a JPEG of very many scans.

    Raises:
        UnreadableImage: too_costly.

    Reference: ITU-T T.81, annex B; libjpeg-turbo, "Two issues with the JPEG standard" (2013).
    """
    num_scans, at = 0, 0
    while found := _MARKER.search(data, at):
        marker = found.group(1)[0]
        if marker == _END_OF_IMAGE:
            return
        num_scans += marker == _START_OF_SCAN
        if num_scans > MAX_SCANS:
            raise UnreadableImage(
                "too_costly",
                f"It is a JPEG of more than {MAX_SCANS} scans. Save it as an ordinary JPEG.",
            )
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
