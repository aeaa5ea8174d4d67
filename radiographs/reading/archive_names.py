r"""What the members of a ZIP are called.

A ZIP says by a flag that a name is UTF-8; without it, names are CP437 by the specification and
anything in truth. macOS writes UTF-8 without the flag, Windows the code page of its language.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import NamedTuple

_UTF8 = 0x800  # flag bit
_UNICODE_PATH = 0x7075  # Info-ZIP's extra field of the name in UTF-8: APPNOTE 4.6.9
_CODE_PAGES = ("cp437", "cp850")  # of Windows in America and in Western Europe


class MemberName(NamedTuple):
    r"""A member's name.

    Args:
        text: The name; a byte that cannot be read is a lone surrogate, shown as `\xd6`.
        is_guessed: Whether a code page was assumed.
    """

    text: str
    is_guessed: bool


def member_name(member: zipfile.ZipInfo) -> MemberName:
    """Read the name of a member as whoever packed it meant it."""
    if member.flag_bits & _UTF8 or member.filename.isascii():
        return MemberName(member.filename, False)
    raw = member.orig_filename.partition("\0")[0].encode("cp437")  # as zipfile had decoded it
    written = _unicode_path(member, raw)
    if written is not None:
        return MemberName(written, False)
    try:
        return MemberName(raw.decode("utf-8"), False)
    except UnicodeDecodeError:
        pass
    first, second = (raw.decode(page) for page in _CODE_PAGES)
    if first == second and all(letter.isascii() or letter.isalpha() for letter in first):
        return MemberName(first, True)
    return MemberName(raw.decode("utf-8", "surrogateescape"), False)


def _unicode_path(member: zipfile.ZipInfo, raw: bytes) -> str | None:
    """Return the name in the extra field, where it belongs to this very name."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        data, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and len(data) > 5 and data[0] == 1:
            (checksum,) = struct.unpack_from("<I", data, 1)
            if checksum == zlib.crc32(raw):
                try:
                    return data[5:].decode("utf-8")
                except UnicodeDecodeError:
                    return None
    return None
