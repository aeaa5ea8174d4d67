"""The files of a ZIP, read where they lie: nothing is ever extracted to disk."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, cast

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.quoting import printable, quoted, shortened
from radiographs.reading.archive_names import member_name
from radiographs.reading.file_kinds import is_oddly_named, may_be_read
from radiographs.reading.file_tree import check_file_size, is_litter
from radiographs.warnings import IngestWarning

_ZIP64_RECORDS = 56 + 20  # bytes of the two records that a ZIP64 adds behind its directory
_DIRECTORY_ENTRY = 46  # bytes of an entry without its name, extra fields and comment
_LOCAL_HEADER = 30  # bytes before a member's data, without its name and extra fields
_BYTES_PER_MEMBER = 512  # of the directory: 46 fixed, a name and some extra fields
_ENCRYPTED = 0x1  # flag bit
_METHODS = {  # APPNOTE 4.4.5
    1: "shrunk", 6: "imploded", 9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard",
    95: "xz", 97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive of radiographs may hold before we call it a bomb.

    Args:
        max_members: Files and folders.
        max_total_bytes: Sum of the sizes once decompressed.
        max_member_bytes: Size of one file once decompressed.
        max_ratio: Decompressed over compressed size, of an image or table and of all of them;
            image files hardly shrink, so 100 is far from any honest set.
        ratio_free_bytes: Up to this size a file, and the whole, may have any ratio: a short text
            of one letter compresses very well.
    """

    max_members: int = 200_000
    max_total_bytes: int = 128 << 30
    max_member_bytes: int = 512 << 20
    max_ratio: float = 100.0
    ratio_free_bytes: int = 1 << 20


class ArchiveTree:
    """The files of a ZIP archive that has passed the guard.

    Raises:
        IngestRefused: not_a_zip, empty_archive, archive_encrypted, archive_unsafe_path,
            archive_bomb.
    """

    def __init__(self, path: Path, limits: ArchiveLimits | None = None) -> None:
        self._limits = limits or ArchiveLimits()
        try:
            with path.open("rb") as file:
                _check_directory(file, self._limits)
            self._zip = zipfile.ZipFile(path)
        except (
            zipfile.BadZipFile,
            OSError,
            ValueError,
            NotImplementedError,
            struct.error,
        ) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise IngestRefused(
                "not_a_zip",
                f"The file is not a ZIP archive that can be opened ({quoted(why or '')}). Send a "
                ".zip of image files.",
            ) from error
        try:
            self._members, self._num_guessed = _guard(self._zip.infolist(), self._limits)
        except IngestRefused:
            self._zip.close()
            raise

    def names(self) -> list[str]:
        """Return the path of every file, with `/`, printable, sorted."""
        return sorted(name for name in self._members if not is_litter(name))

    def num_bytes(self, name: str) -> int:
        """Return a file's size once decompressed, as the directory declares it."""
        return self._members[name].file_size

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Read a file, or its first `num_bytes`.

        `zipfile` stops at the size that the directory declares, which the guard has bounded,
        and compares the checksum there: a member that lies about its size cannot grow.
        """
        member = self._members[name]
        if num_bytes is None:
            check_file_size(member.file_size)
            self._check_growth(member)
        try:
            with self._zip.open(member) as file:
                data = file.read(member.file_size if num_bytes is None else num_bytes)
                ends = num_bytes is not None or not file.read(1)
        except NotImplementedError as error:
            raise UnreadableImage(
                "corrupt", "The ZIP member is encrypted or packed in a way that is not read."
            ) from error
        except Exception as error:  # whatever zipfile raises for a member is that member's fault
            raise UnreadableImage("corrupt", "The ZIP member is damaged; pack it again.") from error
        if num_bytes is None and (len(data) < member.file_size or not ends):
            raise UnreadableImage("corrupt", "Its size is not what the ZIP declares.")
        return data

    def open(self, name: str) -> None:
        """Open nothing: a member of an archive is no file of its own."""
        del name

    def stream(self, name: str) -> BinaryIO:
        """Open a file to be read from its start."""
        try:
            return cast("BinaryIO", self._zip.open(self._members[name]))
        except Exception as error:  # as above
            raise UnreadableImage("corrupt", "The ZIP member is damaged; pack it again.") from error

    def warnings(self) -> list[IngestWarning]:
        """Say how many names were read by a code page that the ZIP does not name."""
        if not self._num_guessed:
            return []
        detail = (
            f"{self._num_guessed} names in the ZIP are not UTF-8 and were read as CP437 or CP850, "
            "as Windows writes them. Look at the names of the classes; 7-Zip packs in UTF-8 with "
            "cu=on."
        )
        return [IngestWarning("names_of_a_code_page", detail, self._num_guessed)]

    def _check_growth(self, member: zipfile.ZipInfo) -> None:
        """Refuse to read a file that no name claimed to be an image, and that is a bomb."""
        ratio = member.file_size / max(member.compress_size, 1)
        if member.file_size > self._limits.ratio_free_bytes and ratio > self._limits.max_ratio:
            raise UnreadableImage("too_costly", f"It would grow {ratio:,.0f}-fold. Save it anew.")


def _check_directory(file: BinaryIO, limits: ArchiveLimits) -> None:
    """Refuse a directory of millions of members before it is parsed into memory.

    The end record is read by zipfile itself, so that both see the same directory.
    """
    record = zipfile._EndRecData(file)  # type: ignore[attr-defined]  # noqa: SLF001  see above
    if record is None:
        raise zipfile.BadZipFile("it has no end-of-directory record")
    signature, num_declared, num_bytes, location = (record[k] for k in (0, 4, 5, 9))
    if num_declared > limits.max_members:
        raise _too_many(num_declared, limits)
    if num_bytes > limits.max_members * _BYTES_PER_MEMBER:
        raise _bomb(
            f"the member count: its directory alone takes {num_bytes:,} bytes, more than "
            f"{limits.max_members:,} members need"
        )
    is_zip64 = signature == b"PK\x06\x06"
    file.seek(max(0, location - num_bytes - is_zip64 * _ZIP64_RECORDS))
    num_found = _num_entries(file, num_bytes, limits.max_members)
    if num_found > limits.max_members:
        raise _too_many(num_found, limits)
    if num_found != num_declared and (is_zip64 or num_found % 65536 != num_declared):
        raise zipfile.BadZipFile("its directory has another number of members than it declares")


def _num_entries(file: BinaryIO, num_bytes: int, at_most: int) -> int:
    """Count the entries of a directory from here on; stops one above `at_most`."""
    num_entries = at = 0
    while at < num_bytes and num_entries <= at_most:
        entry = file.read(_DIRECTORY_ENTRY)
        if len(entry) < _DIRECTORY_ENTRY or not entry.startswith(b"PK\x01\x02"):
            raise zipfile.BadZipFile("its directory is damaged")
        variable = sum(struct.unpack_from("<3H", entry, 28))
        file.seek(variable, 1)
        at += _DIRECTORY_ENTRY + variable
        num_entries += 1
    return num_entries


def _guard(
    members: Sequence[zipfile.ZipInfo], limits: ArchiveLimits
) -> tuple[dict[str, zipfile.ZipInfo], int]:
    """Check every member; return the files by name, and how many names were guessed.

    How a file is packed is looked at where it may be read: what never is cannot harm.
    """
    files: dict[str, zipfile.ZipInfo] = {}
    num_guessed = 0
    for member in members:
        read = member_name(member)
        name = _safe_name(member, read.text)
        if member.is_dir():
            continue
        if name in files:
            raise _unsafe(name, "occurs twice")
        if not is_litter(name):
            num_guessed += read.is_guessed
            _check_method(name, member)
            _check_member_size(name, member, limits)
        files[name] = member
    if not files:
        raise IngestRefused(
            "empty_archive", "The archive holds no files. Send a ZIP of labelled image files."
        )
    _check_overlap(files)
    _check_whole(files, limits)
    return files, num_guessed


def _check_method(name: str, member: zipfile.ZipInfo) -> None:
    if not may_be_read(name) and not is_oddly_named(name):
        return
    if member.flag_bits & _ENCRYPTED:
        raise IngestRefused(
            "archive_encrypted",
            "A member of the archive is encrypted. Send a ZIP without a password.",
            [shortened(name)],
        )
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise IngestRefused(
            "not_a_zip",
            f"A member of the archive is compressed by the method {_method(member)}, and only "
            "stored and deflated ones are read. Pack it with 7-Zip (Deflate) or zip, or add the "
            "folder itself: `synthcxr datasets add FOLDER`.",
            [shortened(name)],
        )


def _check_overlap(files: dict[str, zipfile.ZipInfo]) -> None:
    """Refuse members that share bytes: by these a small archive unpacks to any size.

    Reference: Fifield 2019, "A better zip bomb", section 3; CVE-2024-0450.
    """
    by_place = sorted(files.items(), key=lambda item: item[1].header_offset)
    for (_, earlier), (name, later) in pairwise(by_place):
        # at least: the local header may have more extra fields than the directory says
        end = _LOCAL_HEADER + len(earlier.orig_filename) + earlier.compress_size
        if later.header_offset < earlier.header_offset + end:
            raise _bomb("members that overlap", [shortened(name)])


def _method(member: zipfile.ZipInfo) -> str:
    """Name a method, and the tool that writes it."""
    number = member.compress_type
    by = ", as Windows Explorer packs above 2 GB" if number == 9 else ""
    return f"{number} ({_METHODS.get(number, 'unknown')}{by})"


def _check_whole(files: Mapping[str, zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    total = sum(file.file_size for file in files.values())
    if total > limits.max_total_bytes:
        raise _bomb(
            f"the total size: it would decompress to {total:,} bytes and "
            f"{limits.max_total_bytes:,} are allowed"
        )
    read = [file for name, file in files.items() if may_be_read(name)]
    unpacked, packed = (
        sum(file.file_size for file in read),
        sum(file.compress_size for file in read),
    )
    _check_ratio("the whole", unpacked, packed, limits)


def _safe_name(member: zipfile.ZipInfo, name: str) -> str:
    """Return the member's name with `/`, printable, or refuse one that points elsewhere."""
    name = name.replace("\\", "/")
    parts = name.rstrip("/").split("/")
    if "\0" in member.orig_filename:
        raise _unsafe(printable(name), "holds a null character")
    if name.startswith("/") or parts[0].endswith(":"):
        raise _unsafe(printable(name), "is an absolute path")
    if ".." in parts:
        raise _unsafe(printable(name), "climbs out of the archive with '..'")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _unsafe(printable(name), "is a symbolic link")
    return printable("/".join(part for part in parts if part not in {"", "."}))


def _check_member_size(name: str, member: zipfile.ZipInfo, limits: ArchiveLimits) -> None:
    if member.file_size > limits.max_member_bytes:
        raise _bomb(
            f"the total size: one member alone would decompress to {member.file_size:,} bytes and "
            f"{limits.max_member_bytes:,} are allowed",
            [shortened(name)],
        )
    if may_be_read(name):
        _check_ratio("a member", member.file_size, member.compress_size, limits, [shortened(name)])


def _check_ratio(
    what: str, num_bytes: int, compressed: int, limits: ArchiveLimits, files: Sequence[str] = ()
) -> None:
    ratio = num_bytes / max(compressed, 1)
    if num_bytes > limits.ratio_free_bytes and ratio > limits.max_ratio:
        raise _bomb(
            f"the compression ratio: {what} would grow {ratio:,.0f}-fold and "
            f"{limits.max_ratio:,.0f}-fold is allowed",
            files,
        )


def _too_many(num_members: int, limits: ArchiveLimits) -> IngestRefused:
    return _bomb(
        f"the member count: it has {num_members:,} members and {limits.max_members:,} are allowed"
    )


def _bomb(what: str, files: Sequence[str] = ()) -> IngestRefused:
    return IngestRefused(
        "archive_bomb",
        f"The archive was refused for {what}. Send an ordinary ZIP of image files, in parts if "
        "it is large.",
        files,
    )


def _unsafe(name: str, why: str) -> IngestRefused:
    return IngestRefused(
        "archive_unsafe_path",
        f"The archive was refused: a member {why}. Pack the ZIP again with relative, distinct "
        "names and without links.",
        [shortened(name)],
    )
