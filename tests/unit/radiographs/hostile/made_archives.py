"""ZIP archives that no tool writes; each with what must become of it."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator

from tests.unit.radiographs.hostile.made_images import Made, encoded

LOCAL, ENTRY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
GOOD = encoded()


def archives() -> list[Made]:
    """Return every made-up archive."""
    kinds = (cut, ends, names, flags, methods, damage, overlaps, ratios, fine)
    return [
        Made(f"{kind.__name__}-{k:03d}.zip", data, outcome)
        for kind in kinds
        for k, (data, outcome) in enumerate(kind())
    ]


Kind = Iterator[tuple[bytes, str]]


def packed(files: dict[str, bytes] | None = None, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in (files or {"a/1.png": GOOD, "b/2.png": GOOD}).items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def patched(data: bytes, record: bytes, at: int, value: bytes) -> bytes:
    """Overwrite bytes of the first record of a kind."""
    start = data.index(record) + at
    return data[:start] + value + data[start + len(value) :]


def cut() -> Kind:
    """An interrupted upload."""
    whole = packed()
    for length in range(0, len(whole), max(1, len(whole) // 30)):
        yield whole[:length], "not_a_zip"


def ends() -> Kind:
    """End records that lie."""
    whole = packed()
    yield whole + bytes(100_000), "not_a_zip"
    yield whole + b"garbage", "read"
    yield whole[:-2] + struct.pack("<H", 7) + b"comment", "read"
    yield patched(whole, END, 4, b"\1\0"), "read"
    yield patched(whole, END, 8, struct.pack("<HH", 9, 9)), "not_a_zip"  # members
    yield patched(whole, END, 8, struct.pack("<HH", 1, 1)), "not_a_zip"
    yield patched(whole, END, 12, struct.pack("<I", 2**32 - 1)), "archive_bomb"
    yield patched(whole, END, 16, struct.pack("<I", 50 + len(whole))), "corrupt"
    start = struct.unpack_from("<I", whole, whole.index(END) + 16)[0]
    yield patched(whole, END, 16, struct.pack("<I", start + 50)), "corrupt"  # negative offsets
    empty = END + bytes(18)
    yield empty, "empty_archive"
    yield empty * 2, "empty_archive"
    yield END, "not_a_zip"
    yield END * 20_000, "not_a_zip"
    yield b"PK\x06\x07" + bytes(16) + empty, "not_a_zip"
    yield b"PK\x06\x06" + bytes(52) + b"PK\x06\x07" + bytes(4) + bytes(12) + empty, "empty_archive"
    multi = b"PK\x06\x07" + struct.pack("<IQI", 1, 0, 5)
    yield whole[: whole.index(END)] + multi + whole[whole.index(END) :], "not_a_zip"
    yield spelled_offset(), "archive_bomb"
    yield million_members(b""), "archive_bomb"
    yield million_members(b"zip64"), "archive_bomb"


def entry(offset: int = 0) -> bytes:
    return ENTRY + bytes(24) + struct.pack("<H", 1) + bytes(12) + struct.pack("<I", offset) + b"x"


def spelled_offset() -> bytes:
    """Hide 400,000 entries behind an end record whose offset spells the mark of an end record."""
    directory = entry() * 400_000
    offset = int.from_bytes(END, "little")
    return directory + END + struct.pack("<HHHHIIH", 0, 0, 7, 7, len(directory), offset, 0)


def million_members(kind: bytes) -> bytes:
    num = 300_000
    directory = entry() * num
    count = min(num, 0xFFFF)
    size = len(directory)
    records = b""
    if kind:
        sizes = struct.pack("<QQQQ", num, num, size, 0)
        records = b"PK\x06\x06" + struct.pack("<QHHII", 44, 45, 45, 0, 0) + sizes
        records += b"PK\x06\x07" + struct.pack("<IQI", 0, size, 1)
    return directory + records + END + struct.pack("<HHHHIIH", 0, 0, count, count, size, 0, 0)


def names() -> Kind:
    for name in (
        "../a/1.png",
        "a/../../1.png",
        "/a/1.png",
        "C:/a/1.png",
        "C:\\a\\1.png",
        "..\\a\\1.png",
        "\\\\server\\a\\1.png",
        "a/..",
    ):
        yield packed({name: GOOD, "a/0.png": GOOD}), "archive_unsafe_path"
    both = packed({"a/1.png": GOOD, "a/2.png": GOOD})
    yield both.replace(b"a/2.png", b"a/1.png"), "archive_unsafe_path"
    yield both.replace(b"a/2.png", b"a\\1.png"), "archive_unsafe_path"
    link = patched(packed(), ENTRY, 38, struct.pack("<I", 0o120777 << 16))
    yield link, "archive_unsafe_path"
    for odd in ("a/M\udcfcller.png", "a/\u202egnp.1", "a/\x07.png", "a/" + "x" * 60_000 + ".png"):
        named = odd.encode("utf-8", "surrogateescape").decode("cp437")
        yield packed({named: GOOD, "b/1.png": GOOD}), "read"


def flags() -> Kind:
    whole = packed()
    yield patched(whole, ENTRY, 8, b"\1\0"), "archive_encrypted"
    yield patched(whole, ENTRY, 8, b"\x41\0"), "archive_encrypted"
    yield patched(whole, ENTRY, 8, b"\x20\0"), "corrupt"  # patched data
    yield patched(whole, ENTRY, 8, b"\x40\0"), "corrupt"  # strong encryption
    yield patched(whole, LOCAL, 6, b"\0\x08").replace(b"PNG", b"PNG", 1), "read"
    not_utf8 = patched(patched(whole, LOCAL, 6, b"\0\x08"), LOCAL, 30, b"\xff")
    yield not_utf8, "corrupt"
    yield patched(patched(whole, ENTRY, 8, b"\0\x08"), ENTRY, 46, b"\xff"), "not_a_zip"


def methods() -> Kind:
    for method in (1, 6, 9, 12, 14, 93, 95, 98, 99, 65535):
        yield patched(packed(), ENTRY, 10, struct.pack("<H", method)), "not_a_zip"
    yield patched(packed(), ENTRY, 10, struct.pack("<H", 8)), "corrupt"  # stored, said deflated
    yield patched(packed(), ENTRY, 6, struct.pack("<H", 99)), "not_a_zip"  # version needed


def damage() -> Kind:
    whole = packed()
    yield patched(whole, LOCAL, 0, b"XX"), "corrupt"
    yield patched(whole, LOCAL, 30, b"z"), "corrupt"  # another name than in the directory
    yield patched(whole, ENTRY, 16, bytes(4)), "corrupt"  # checksum
    yield patched(whole, ENTRY, 24, struct.pack("<I", len(GOOD) + 9)), "corrupt"  # size
    yield patched(whole, ENTRY, 24, struct.pack("<I", len(GOOD) - 9)), "corrupt"
    yield patched(whole, ENTRY, 42, struct.pack("<I", 2**31)), "corrupt"  # place
    yield patched(whole, ENTRY, 0, b"XX"), "not_a_zip"
    deflated = packed(method=zipfile.ZIP_DEFLATED)
    yield patched(deflated, LOCAL, 39, b"\xff\xff\xff\xff"), "corrupt"
    inner = packed()
    for _ in range(5):
        inner = packed({"a/inner.png": inner})
    yield inner, "unsupported_format"  # never unpacked any further
    table = packed({"labels.csv": b"file,label\n1.png,a\n", "1.png": GOOD})
    yield patched(table, ENTRY, 16, bytes(4)), "labels_invalid"


def overlaps() -> Kind:
    """Members that share their bytes."""
    whole = packed()
    second = whole.rindex(ENTRY)
    yield whole[: second + 42] + bytes(4) + whole[second + 46 :], "archive_bomb"
    yield quoted_overlap(), "archive_bomb"


def quoted_overlap() -> bytes:
    """Let the first member's extra field quote the header of the second (CVE-2024-0450)."""
    body, crc = zlib.compress(bytes(1000))[2:-4], zlib.crc32(bytes(1000))

    def fields(extra: int) -> bytes:
        sizes = struct.pack("<III", crc, len(body), 1000)
        return b"\x14\0\0\0\x08\0\0\0\0\0" + sizes + struct.pack("<HH", 7, extra)

    second = LOCAL + fields(0) + b"a/2.png"
    first = LOCAL + fields(len(second)) + b"a/1.png"
    data = first + second + body
    directory = b"".join(
        ENTRY + b"\x14\0" + fields(0) + bytes(10) + struct.pack("<I", at) + name
        for name, at in ((b"a/1.png", 0), (b"a/2.png", len(first)))
    )
    end = struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), len(data), 0)
    return data + directory + END + end


def ratios() -> Kind:
    """Few bytes that become very many."""
    yield packed({"a/1.png": bytes(5 << 20)}, zipfile.ZIP_DEFLATED), "archive_bomb"
    many = {f"a/{k}.png": bytes(1 << 20) for k in range(40)}
    yield packed(many, zipfile.ZIP_DEFLATED), "archive_bomb"
    huge = patched(packed(), ENTRY, 24, struct.pack("<I", 2**32 - 2))
    yield huge, "archive_bomb"


def fine() -> Kind:
    yield packed(), "read"
    yield packed(method=zipfile.ZIP_DEFLATED), "read"
    yield b"#!/bin/sh\n" + packed(), "read"  # as self-extracting archives begin
    yield packed({"readme.txt": b"x"}), "no_images"
