"""Messages of several parts (`multipart/related`), as DICOMweb sends its files in.

Reference: RFC 2387; DICOM PS3.18 2025, 8.6.1.2.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

DICOM = "application/dicom"

logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it quotes what it cannot parse


class NotOneFile(Exception):
    """A message is not one whole DICOM file.

    Args:
        reason: Why, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OneFile:
    """Takes the bytes of a message, and gives those of the one DICOM file in it.

    Args:
        content_type: Of the message.
        write: Is given the file's bytes as they come.

    Raises:
        NotOneFile: It cannot hold one.
    """

    def __init__(self, content_type: str, write: Callable[[bytes], object]) -> None:
        self._write = write
        media_type, options = parse_options_header(content_type)
        self._parser: MultipartParser | None = None
        self._num_parts = self._num_ended = 0
        self._ended = False
        self._header_name = b""
        self._header_value = b""
        self._part_type: bytes | None = None
        if media_type.lower() == DICOM.encode():  # by itself, as some servers send it
            return
        if media_type.lower() != b"multipart/related" or not options.get(b"boundary"):
            raise NotOneFile("the server sent something else than DICOM")
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_name,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take some bytes.

        Raises:
            NotOneFile: It turns out not to be one.
        """
        if self._parser is None:
            self._write(data)
            return
        try:
            self._parser.write(data)
        except MultipartParseError:
            raise NotOneFile("the parts of the server's answer cannot be separated") from None

    def finish(self) -> None:
        """Check that the file is whole.

        Raises:
            NotOneFile: It is not.
        """
        if self._parser is not None and not (self._num_ended == 1 and self._ended):
            raise NotOneFile("the server's answer ended in its middle, or is empty")

    def _on_part_begin(self) -> None:
        self._num_parts += 1
        if self._num_parts > 1:
            raise NotOneFile("the server sent several files where one was asked for")

    def _on_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-type":
            self._part_type = parse_options_header(self._header_value)[0].lower()
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        if self._part_type not in {None, DICOM.encode()}:
            raise NotOneFile("the server sent something else than DICOM")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._write(data[start:end])

    def _on_part_end(self) -> None:
        self._num_ended += 1

    def _on_end(self) -> None:
        self._ended = True


def message_of(files: Sequence[bytes]) -> tuple[bytes, str]:
    """Pack DICOM files into a message; returns it and its content type."""
    boundary = secrets.token_hex(16)  # in no file, but with a chance of 2^-128 or so
    head = f"--{boundary}\r\nContent-Type: {DICOM}\r\n\r\n".encode()
    parts = b"".join(head + each + b"\r\n" for each in files)
    content_type = f'multipart/related; type="{DICOM}"; boundary={boundary}'
    return parts + f"--{boundary}--\r\n".encode(), content_type
