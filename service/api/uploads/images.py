"""Images of a form, streamed into one ZIP on disk; or a ZIP, passed on as it is."""

import hashlib
import zipfile
from pathlib import PurePosixPath
from typing import IO, Self, cast

from typing_extensions import override

from service.api.uploads.multipart import ZIP_STARTS, ReceivedFiles
from service.domain.errors import InvalidRequest, TooManyImages, UploadTooLarge
from service.domain.ports import UploadWriter
from service.domain.scores import MAX_BYTES, MAX_IMAGES

_IMAGE_STARTS = (b"\x89PNG", b"\xff\xd8\xff")  # PNG and JPEG
_HEAD_BYTES = 4
_LONGEST_NAME = 200
_NO_FILE = "Send PNG or JPEG images, or one ZIP of them, as parts of the form named `file`."


class ReceivedImages(ReceivedFiles):
    """Takes images, or one ZIP of images, within a `with` block.

    Args:
        writer: Receives the ZIP.
    """

    def __init__(self, writer: UploadWriter) -> None:
        self._writer = writer
        self._stream = _Stream(writer)
        self._digest = hashlib.sha256()
        self._num_bytes = 0
        self._num_files = 0
        self._names: set[str] = set()
        self._name = ""
        self._head: bytes | None = None  # of the file under way, until its kind is known
        self._zip: zipfile.ZipFile | None = None
        self._member: IO[bytes] | None = None
        self._is_archive = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of a ZIP that was not finished; nothing more is written."""
        self._stream.detach()
        for opened in (self._member, self._zip):
            if opened:
                opened.close()

    @property
    @override
    def num_bytes(self) -> int:
        return self._num_bytes

    @override
    def begin(self, field: str, file_name: str) -> None:
        if field != "file":
            raise InvalidRequest.at("/file", _NO_FILE)
        self._num_files += 1
        if self._is_archive:
            raise InvalidRequest.at("/file", "Send either one ZIP or single images.")
        if self._num_files > MAX_IMAGES:
            raise TooManyImages.above(MAX_IMAGES)
        self._name = self._member_name(file_name)
        self._head = b""

    @override
    def write(self, data: bytes) -> None:
        self._num_bytes += len(data)
        if self._num_bytes > MAX_BYTES:
            raise UploadTooLarge(
                f"Images of {MAX_BYTES // 2**20} MiB at most are scored in one request. Send fewer."
            )
        self._digest.update(data)
        if self._head is not None:
            self._head += data
            if len(self._head) < _HEAD_BYTES:
                return
            data, self._head = self._head, None
            self._open(data)
        if self._is_archive:
            self._writer.write(data)
        else:
            assert self._member, "the kind of the file is known"
            self._member.write(data)

    @override
    def end(self) -> None:
        if self._head is not None:
            raise self._no_image()
        if self._member:
            self._member.close()
            self._member = None
        self._digest.update(self._name.encode() + b"\0")

    @override
    def finish(self) -> str:
        if not self._num_files or self._head is not None or self._member:
            raise InvalidRequest.at("/file", _NO_FILE)
        if self._zip:
            self._zip.close()
        return self._digest.hexdigest()

    def _open(self, head: bytes) -> None:
        """Settle by its first bytes what a file is."""
        if head.startswith(ZIP_STARTS):
            if self._num_files > 1:
                raise InvalidRequest.at("/file", "Send either one ZIP or single images.")
            self._is_archive = True
            return
        if not head.startswith(_IMAGE_STARTS):
            raise self._no_image()
        if self._zip is None:
            self._zip = zipfile.ZipFile(cast("IO[bytes]", self._stream), "w")
        self._member = self._zip.open(zipfile.ZipInfo(self._name), "w", force_zip64=True)

    def _member_name(self, file_name: str) -> str:
        """Return the name of a file without its folders, as it can stand in a ZIP."""
        base = PurePosixPath(file_name.replace("\\", "/")).name
        name = "".join(each for each in base if each.isprintable()).lstrip(".~$ ")
        name = name[-_LONGEST_NAME:] or f"image-{self._num_files}"
        if name in self._names:
            raise InvalidRequest.at("/file", "Two files have the same name. Rename one of them.")
        self._names.add(name)
        return name

    def _no_image(self) -> InvalidRequest:
        return InvalidRequest.at(
            "/file", f"File {self._num_files} of the form is neither PNG nor JPEG nor ZIP."
        )


class _Stream:
    """What a ZIP is written to from beginning to end.

    Args:
        writer: Receives it.
    """

    def __init__(self, writer: UploadWriter) -> None:
        self._writer: UploadWriter | None = writer

    def write(self, data: bytes) -> int:
        """Pass bytes on."""
        if self._writer:
            self._writer.write(bytes(data))
        return len(data)

    def detach(self) -> None:
        """Pass nothing on any more."""
        self._writer = None

    def flush(self) -> None:
        """Leave it to the writer."""
