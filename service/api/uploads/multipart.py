"""A multipart upload, streamed to disk: memory stays constant, an aborted one leaves nothing.

How large it may be is said where the router is included: `max_body_size` in `service/app.py`.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from anyio.to_thread import run_sync
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from typing_extensions import override

from service.domain.errors import InvalidRequest, NotAZip
from service.domain.ports import UploadWriter

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # a first member, or the end of an empty archive
_MAX_FIELDS = 16
_MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """What a form said besides its files.

    Attributes:
        fields: The text fields.
        sha256: Digest of the file, or of all files.
        num_bytes: Their size.
    """

    fields: dict[str, str]
    sha256: str
    num_bytes: int


class ReceivedFiles(Protocol):
    """Takes the files of a form, one after the other."""

    @property
    def num_bytes(self) -> int:
        """Size of all files so far."""

    def begin(self, field: str, file_name: str) -> None:
        """Begin a file, or raise what is wrong with there being one."""

    def write(self, data: bytes) -> None:
        """Append to it."""

    def end(self) -> None:
        """End it."""

    def finish(self) -> str:
        """Return the digest of all, once the form was read; raises where there is not enough."""


async def receive_form(
    headers: Headers, stream: AsyncIterator[bytes], writer: UploadWriter
) -> ReceivedForm:
    """Read a form whose `file` goes to a writer, which the caller commits or discards.

    Raises:
        NotAZip: The first bytes of the file say so; the rest is not read.
        InvalidRequest: There is not exactly one file, or it has another name.
        HTTPException: 400, the body is no form, or has too many or too large fields.
        StorageFull: The disk is full.
    """
    return await receive_files(headers, stream, _OneZip(writer))


async def receive_files(
    headers: Headers, stream: AsyncIterator[bytes], files: ReceivedFiles
) -> ReceivedForm:
    """Read a form whose files are taken by another; raises what that one raises.

    Raises:
        HTTPException: 400, the body is no form, or has too many or too large fields.
    """
    _, options = parse_options_header(headers.get("content-type"))
    if b"boundary" not in options:
        raise HTTPException(400, "Missing boundary in multipart.")
    form = _Form(files)
    try:
        parser = form.parser(options[b"boundary"])
        async for chunk in stream:
            await run_sync(parser.write, chunk)  # which writes to disk
    except FormParserError as error:
        raise HTTPException(400, str(error)) from error
    return form.received()


class _Form:
    """Takes the parts of a form as the parser finds them: files to disk, fields to memory."""

    def __init__(self, files: ReceivedFiles) -> None:
        self._files = files
        self._fields: dict[str, str] = {}
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._field: bytearray | None = None  # of a part that is text

    def parser(self, boundary: bytes) -> MultipartParser:
        """Return a parser that fills this form."""
        return MultipartParser(
            boundary,
            {
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
            },
        )

    def received(self) -> ReceivedForm:
        """Return the form, once all of it was read."""
        return ReceivedForm(self._fields, self._files.finish(), self._files.num_bytes)

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        if b"name" not in options:
            raise HTTPException(400, "A part of the form has no name.")
        self._name = options[b"name"].decode("utf-8", "replace")
        if b"filename" not in options:
            if len(self._fields) == _MAX_FIELDS:
                raise HTTPException(400, f"The form has more than {_MAX_FIELDS} fields.")
            self._field = bytearray()
            return
        self._field = None
        self._files.begin(self._name, options[b"filename"].decode("utf-8", "replace"))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._files.write(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _MAX_FIELD_BYTES:
            raise HTTPException(400, f"A field of the form exceeds {_MAX_FIELD_BYTES} bytes.")

    def _on_part_end(self) -> None:
        if self._field is None:
            self._files.end()
        else:
            self._fields[self._name] = self._field.decode("utf-8", "replace")


class _OneZip(ReceivedFiles):
    """Takes one file named `file`, and passes it on to a writer if it begins like a ZIP."""

    def __init__(self, writer: UploadWriter) -> None:
        self._zip = _ZipWriter(writer)
        self._num_files = 0
        self._wanted = False
        self._ended = False

    @property
    @override
    def num_bytes(self) -> int:
        return self._zip.num_bytes

    @override
    def begin(self, field: str, file_name: str) -> None:
        self._num_files += 1
        if self._num_files > 1:
            raise HTTPException(400, "The form has more than one file.")
        self._wanted = field == "file"

    @override
    def write(self, data: bytes) -> None:
        if self._wanted:
            self._zip.write(data)

    @override
    def end(self) -> None:
        self._ended = self._wanted

    @override
    def finish(self) -> str:
        if not self._ended:
            raise InvalidRequest.at(
                "/file", "Send the ZIP as the one file of the form, named `file`."
            )
        return self._zip.finish()


class _ZipWriter:
    """Passes a file on to a writer if it begins like a ZIP, and computes its digest."""

    def __init__(self, writer: UploadWriter) -> None:
        self._writer = writer
        self._digest = hashlib.sha256()
        self.num_bytes = 0
        self._head: bytes | None = b""

    def write(self, data: bytes) -> None:
        """Append to the file, or raise NotAZip."""
        if self._head is not None:
            self._head += data
            if len(self._head) < len(ZIP_STARTS[0]):
                return
            data, self._head = self._head, None
            if not data.startswith(ZIP_STARTS):
                raise NotAZip.at("/file", "The file is not a ZIP archive. Pack the images as ZIP.")
        self._digest.update(data)
        self.num_bytes += len(data)
        self._writer.write(data)

    def finish(self) -> str:
        """Return the digest of a file that was long enough to be a ZIP."""
        if self._head is not None:
            raise NotAZip.at("/file", "The file is empty. Pack the images as ZIP.")
        return self._digest.hexdigest()
