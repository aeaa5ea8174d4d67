"""A form is read as it comes, in whatever pieces."""

from collections.abc import AsyncIterator
from hashlib import sha256

import anyio
import pytest
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from service.api.uploads.multipart import ReceivedForm, receive_form
from service.domain.errors import InvalidRequest

HEADERS = Headers({"content-type": "multipart/form-data; boundary=x"})
ZIP = b"PK\x03\x04 and so on\r\n--y\r\n"


class Kept:
    """Stands in for a file."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def commit(self) -> None:
        pass

    def discard(self) -> None:
        pass


def part(content: bytes, disposition: str) -> bytes:
    head = (
        f"--x\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    )
    return head.encode() + content + b"\r\n"


FILE = part(ZIP, 'name="file"; filename="a.zip"')


def received(body: bytes, size: int = 7) -> tuple[ReceivedForm, Kept]:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    kept = Kept()
    return anyio.run(receive_form, HEADERS, pieces(), kept), kept


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_fields_and_file_are_read_whatever_the_pieces(size: int) -> None:
    body = part("naïve".encode(), 'name="name"') + FILE + part(b"64", 'name="image_size"')
    form, kept = received(body + b"--x--\r\n", size)
    fields = {"name": "naïve", "image_size": "64"}
    assert form == ReceivedForm(fields, sha256(ZIP).hexdigest(), len(ZIP))
    assert kept.content == ZIP


@pytest.mark.parametrize(
    "body",
    [
        FILE + FILE,
        b"".join(part(b"", f'name="{number}"') for number in range(17)),
        part(b"x" * 70_000, 'name="name"'),
        part(b"x", 'filename="a.zip"'),
        b"--y\r\n",
    ],
    ids=["two files", "too many fields", "too long a field", "no name", "another boundary"],
)
def test_what_is_no_form_of_ours_is_malformed(body: bytes) -> None:
    with pytest.raises(HTTPException) as caught:
        received(body + b"--x--\r\n", 4096)
    assert caught.value.status_code == 400


@pytest.mark.parametrize(
    "body", [b"", part(b"x", 'name="file"'), part(ZIP, 'name="other"; filename="a.zip"')]
)
def test_a_form_holds_one_file_by_its_name(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="named `file`"):
        received(body + b"--x--\r\n")
