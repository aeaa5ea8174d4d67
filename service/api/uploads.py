"""A multipart upload, streamed to disk: memory stays constant, an aborted one leaves nothing."""

import hashlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import BinaryIO, cast

from starlette.datastructures import Headers, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

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
    """

    fields: dict[str, str]
    sha256: str


async def receive_form(
    headers: Headers, stream: AsyncGenerator[bytes, None], writer: UploadWriter
) -> ReceivedForm:
    """Read a form whose `file` goes to a writer, which the caller commits or discards.

    Raises:
        NotAZip: The first bytes of the file say so; the rest is not read.
        InvalidRequest: There is not exactly one file, or it has another name.
        StorageFull: The disk is full.
    """
    sink = _Sink(writer)
    parser = _StreamingParser(headers, stream, sink)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise HTTPException(400, error.message) from error
    fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    if not isinstance(form.get("file"), UploadFile):
        raise InvalidRequest.at("/file", "Send the ZIP as the one file of the form, named `file`.")
    return ReceivedForm(fields, sink.finish())


class _Sink:
    """Looks like a file to the parser; checks the first bytes and passes all of them on."""

    def __init__(self, writer: UploadWriter) -> None:
        self._writer = writer
        self._digest = hashlib.sha256()
        self._head: bytes | None = b""

    def write(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data
            if len(self._head) < len(_ZIP_STARTS[0]):
                return
            data, self._head = self._head, None
            if not data.startswith(_ZIP_STARTS):
                raise NotAZip.at("/file", "The file is not a ZIP archive. Pack the images as ZIP.")
        self._digest.update(data)
        self._writer.write(data)

    def finish(self) -> str:
        """Return the digest of a file that was long enough to be a ZIP."""
        if self._head is not None:
            raise NotAZip.at("/file", "The file is empty. Pack the images as ZIP.")
        return self._digest.hexdigest()

    def seek(self, offset: int) -> None:
        """The parser rewinds a file that ended; ours went on."""

    def close(self) -> None:
        """The caller closes the writer."""


class _StreamingParser(MultiPartParser):
    """Starlette's parser, with our sink in the place of a temporary file."""

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], sink: _Sink) -> None:
        super().__init__(
            headers, stream, max_files=1, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES
        )
        self._sink = sink

    def on_headers_finished(self) -> None:
        """Begin a part."""
        super().on_headers_finished()
        if self._current_part.file is not None:
            self._current_part.file.file.close()
            self._current_part.file.file = cast("BinaryIO", self._sink)
