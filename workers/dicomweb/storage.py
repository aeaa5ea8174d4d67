"""Sending images to a server (STOW-RS), and what it says became of them.

Reference: DICOM PS3.18 2025, 10.5.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.domain import errors
from workers.dicomweb.attributes import values
from workers.dicomweb.connection import Connection
from workers.dicomweb.multipart import message_of

_THERE_ALREADY = "273"  # FailureReason 0x0111: duplicate SOP instance (PS3.4, B.2.3)


async def store(connection: Connection, files: Mapping[str, bytes]) -> None:
    """Store some images; one that is there already is as good as stored.

    Args:
        connection: The server.
        files: DICOM files by the SOPInstanceUID of each.

    Raises:
        DicomwebStoreRefused: Not all of them are stored.
    """
    answer = await connection.store(*message_of(list(files.values())))
    stored = {uid for each in _items(answer, "00081199") for uid in _uids(each)}
    for each in _items(answer, "00081198"):
        if values(each, "FailureReason") == [_THERE_ALREADY]:
            stored |= set(_uids(each))
    missing = len(files.keys() - stored)
    if missing:
        raise errors.DicomwebStoreRefused(
            f"The DICOMweb server {connection.name} did not store {missing} of {len(files)} images "
            "that were sent to it at once. Look into its log: whether it accepts Secondary "
            "Capture objects, and has room. Those that it stored may stay: sending the set again "
            "changes nothing about them."
        )


def _items(answer: Mapping[str, Any], tag: str) -> Sequence[Mapping[str, Any]]:
    element = answer.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return [each for each in found or () if isinstance(each, dict)]


def _uids(item: Mapping[str, Any]) -> list[str]:
    return values(item, "ReferencedSOPInstanceUID")
