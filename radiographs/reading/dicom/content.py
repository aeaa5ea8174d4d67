"""Recognises a DICOM file by its content; free of pydicom, whose import takes a while."""

from __future__ import annotations

_MAGIC = slice(128, 132)
# Files without a preamble begin with one of these elements, little endian (PS3.10, section 7.1,
# and what came before it): file meta information, or the first group of a data set.
_FIRST_ELEMENTS = {
    *((0x0002, number) for number in (0x00, 0x01, 0x02, 0x10)),
    *((0x0008, number) for number in (0x00, 0x01, 0x05, 0x08, 0x12, 0x16, 0x18)),
}
_MAX_FIRST_LENGTH = 64  # of such an element with an implicit type


def is_dicom(data: bytes) -> bool:
    """Say whether a file is DICOM, by its preamble or by its first element."""
    if data[_MAGIC] == b"DICM":
        return True
    if len(data) < 8:
        return False
    group, element = (int.from_bytes(data[k : k + 2], "little") for k in (0, 2))
    if (group, element) not in _FIRST_ELEMENTS:
        return False
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    return explicit or int.from_bytes(data[4:8], "little") <= _MAX_FIRST_LENGTH
