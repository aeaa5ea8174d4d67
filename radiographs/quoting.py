"""Text of others, made fit to be shown: printable, and short where it is quoted.

Names of files and folders may hold anything: bytes that are no UTF-8, line breaks, characters that
turn the text around. Whatever is listed, stored or quoted goes through here once.
"""

from __future__ import annotations

MAX_QUOTED_CHARACTERS = 80
_FIRST_BYTE = 0xDC00  # a byte that is no UTF-8 stands in a file name as this plus its value
_BYTES = range(0xDC80, 0xDD00)


def printable(text: str) -> str:
    r"""Write what cannot be shown as `\xfc` (a byte), `\u202e` or `\U000e0001` (a character).

    Different texts stay different, so a printable name can stand for its file.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_shown(character) for character in text)


def quoted(text: str) -> str:
    """Make text printable and at most 80 characters long."""
    return shortened(printable(text))


def shortened(shown: str) -> str:
    """Leave out the middle of printable text that is longer than 80 characters."""
    if len(shown) <= MAX_QUOTED_CHARACTERS:
        return shown
    half = MAX_QUOTED_CHARACTERS // 2
    return f"{shown[: half - 1]}…{shown[-half:]}"


def _shown(character: str) -> str:
    number = ord(character)
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    if number in _BYTES:
        return f"\\x{number - _FIRST_BYTE:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
