"""The files of a ZIP, read where they lie: nothing is ever extracted to disk."""

from __future__ import annotations

import stat
import threading
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.reading.file_tree import is_litter

_END_OF_DIRECTORY = b"PK\x05\x06"
_END_OF_DIRECTORY_64 = b"PK\x06\x06"
_READ_FROM_END = (1 << 16) + 22 + 20 + 56  # longest comment, and the three closing records
_BYTES_PER_MEMBER = 512  # of the directory: 46 fixed, a name and some extra fields


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive of radiographs may hold before we call it a bomb.

    Args:
        max_members: Files and folders.
        max_total_bytes: Sum of the sizes once decompressed.
        max_member_bytes: Size of one file once decompressed.
        max_ratio: Decompressed over compressed size, of a file and of the whole; image files
            hardly shrink, so 100 is far from any honest set.
        ratio_free_bytes: Files up to this size may have any ratio: a short text of one letter
            compresses very well.
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
        self._lock = threading.Lock()
        try:
            _check_directory_size(path, self._limits)
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise IngestRefused(
                "not_a_zip",
                f"The file is not a ZIP archive that can be opened ({error}). Send a .zip of "
                "image files.",
            ) from error
        try:
            self._members = _guard(self._zip.infolist(), self._limits)
        except IngestRefused:
            self._zip.close()
            raise

    def names(self) -> list[str]:
        """Return the path of every file, with `/`, sorted."""
        return sorted(name for name in self._members if not is_litter(name))

    def read(self, name: str, num_bytes: int | None = None) -> bytes:
        """Read a file, or its first `num_bytes`.

        `zipfile` stops at the size that the directory declares, which the guard has bounded,
        and compares the checksum there: a member that lies about its size cannot grow.
        """
        member = self._members[name]
        try:
            with self._zip.open(member) as file:
                data = file.read(member.file_size if num_bytes is None else num_bytes)
                if num_bytes is None and (len(data) < member.file_size or file.read(1)):
                    raise UnreadableImage("corrupt", "Its size is not what the ZIP declares.")
                return data
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise UnreadableImage("corrupt", f"The ZIP member is damaged: {error}.") from error


def _check_directory_size(path: Path, limits: ArchiveLimits) -> None:
    """Refuse a directory of millions of members before it is parsed into memory."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _READ_FROM_END))
        tail = file.read()
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0:
        raise zipfile.BadZipFile("it has no end-of-directory record")
    directory_bytes = int.from_bytes(tail[at + 12 : at + 16], "little")
    at_64 = tail.rfind(_END_OF_DIRECTORY_64, 0, at)
    if directory_bytes == 0xFFFFFFFF and at_64 >= 0:
        directory_bytes = int.from_bytes(tail[at_64 + 40 : at_64 + 48], "little")
    if directory_bytes > limits.max_members * _BYTES_PER_MEMBER:
        raise _bomb(
            f"the member count: its directory alone takes {directory_bytes:,} bytes, more than "
            f"{limits.max_members:,} members need"
        )


def _guard(members: list[zipfile.ZipInfo], limits: ArchiveLimits) -> dict[str, zipfile.ZipInfo]:
    """Check every member and return the files by name."""
    if len(members) > limits.max_members:
        raise _bomb(
            f"the member count: it has {len(members):,} members and {limits.max_members:,} are "
            "allowed"
        )
    files: dict[str, zipfile.ZipInfo] = {}
    for member in members:
        name = _safe_name(member)
        if member.is_dir():
            continue
        if name in files:
            raise _unsafe(name, "occurs twice")
        if member.flag_bits & 0x1:
            raise IngestRefused(
                "archive_encrypted",
                "A member of the archive is encrypted. Send a ZIP without a password.",
                [name],
            )
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise IngestRefused(
                "not_a_zip",
                "A member of the archive is compressed by a method other than stored or deflated. "
                "Pack the ZIP again with an ordinary tool.",
                [name],
            )
        _check_member_size(name, member, limits)
        files[name] = member
    if not files:
        raise IngestRefused(
            "empty_archive", "The archive holds no files. Send a ZIP of labelled image files."
        )
    total = sum(member.file_size for member in files.values())
    if total > limits.max_total_bytes:
        raise _bomb(
            f"the total size: it would decompress to {total:,} bytes and "
            f"{limits.max_total_bytes:,} are allowed"
        )
    return files


def _safe_name(member: zipfile.ZipInfo) -> str:
    """Return the member's name with `/`, or refuse one that points elsewhere."""
    name = member.filename.replace("\\", "/")
    parts = name.rstrip("/").split("/")
    if "\0" in member.orig_filename:
        raise _unsafe(name, "holds a null character")
    if name.startswith("/") or parts[0].endswith(":"):
        raise _unsafe(name, "is an absolute path")
    if ".." in parts:
        raise _unsafe(name, "climbs out of the archive with '..'")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _unsafe(name, "is a symbolic link")
    return "/".join(part for part in parts if part not in {"", "."})


def _check_member_size(name: str, member: zipfile.ZipInfo, limits: ArchiveLimits) -> None:
    if member.file_size > limits.max_member_bytes:
        raise _bomb(
            f"the total size: one member alone would decompress to {member.file_size:,} bytes and "
            f"{limits.max_member_bytes:,} are allowed",
            [name],
        )
    ratio = member.file_size / max(member.compress_size, 1)
    if member.file_size > limits.ratio_free_bytes and ratio > limits.max_ratio:
        raise _bomb(
            f"the compression ratio: a member would grow {ratio:,.0f}-fold and "
            f"{limits.max_ratio:,.0f}-fold is allowed",
            [name],
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
        [name[:200]],
    )
