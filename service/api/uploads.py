"""A multipart upload, streamed to disk: memory stays constant, an aborted one leaves nothing."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from anyio.to_thread import run_sync
from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from service.domain.errors import InvalidRequest, NotAZip
from service.domain.ports import UploadWriter

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # a first member, or the end of an empty archive
_MAX_FIELDS = 16
_MAX_FIELD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """What a form said besides its file.

    Attributes:
        fields: The text fields.
        sha256: Digest of the file.
        num_bytes: Its size.
    """

    fields: dict[str, str]
    sha256: str
    num_bytes: int


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
    _, options = parse_options_header(headers.get("content-type"))
    if b"boundary" not in options:
        raise HTTPException(400, "Missing boundary in multipart.")
    form = _Form(writer)
    try:
        parser = form.parser(options[b"boundary"])
        async for chunk in stream:
            await run_sync(parser.write, chunk)  # which writes to disk
    except FormParserError as error:
        raise HTTPException(400, str(error)) from error
    return form.received()


class _Form:
    """Takes the parts of a form as the parser finds them: the file to disk, fields to memory."""

    def __init__(self, writer: UploadWriter) -> None:
        self._file = _ZipWriter(writer)
        self._num_files = 0
        self._file_ended = False
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
        if not self._file_ended:
            raise InvalidRequest.at(
                "/file", "Send the ZIP as the one file of the form, named `file`."
            )
        return ReceivedForm(self._fields, self._file.finish(), self._file.num_bytes)

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
        self._num_files += 1
        if self._num_files > 1:
            raise HTTPException(400, "The form has more than one file.")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            if self._name == "file":
                self._file.write(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _MAX_FIELD_BYTES:
            raise HTTPException(400, f"A field of the form exceeds {_MAX_FIELD_BYTES} bytes.")

    def _on_part_end(self) -> None:
        if self._field is None:
            self._file_ended = self._name == "file"
        else:
            self._fields[self._name] = self._field.decode("utf-8", "replace")


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
            if len(self._head) < len(_ZIP_STARTS[0]):
                return
            data, self._head = self._head, None
            if not data.startswith(_ZIP_STARTS):
                raise NotAZip.at("/file", "The file is not a ZIP archive. Pack the images as ZIP.")
        self._digest.update(data)
        self.num_bytes += len(data)
        self._writer.write(data)

    def finish(self) -> str:
        """Return the digest of a file that was long enough to be a ZIP."""
        if self._head is not None:
            raise NotAZip.at("/file", "The file is empty. Pack the images as ZIP.")
        return self._digest.hexdigest()
