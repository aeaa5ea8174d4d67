"""Images of a form become one ZIP, whatever the pieces; a ZIP stays as it is."""

import io
import zipfile
from collections.abc import AsyncIterator

import anyio
import pytest
from starlette.datastructures import Headers

from service.api.uploads import images
from service.api.uploads.images import ReceivedImages
from service.api.uploads.multipart import ReceivedForm, receive_files
from service.domain.errors import InvalidRequest, TooManyImages, UploadTooLarge

HEADERS = Headers({"content-type": "multipart/form-data; boundary=x"})
PNG = b"\x89PNG\r\n\x1a\n and so on"
JPEG = b"\xff\xd8\xff\xe0 and so on"
ZIP = b"PK\x03\x04 and so on"


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


def part(content: bytes, file_name: str, name: str = "file") -> bytes:
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def received(*parts: bytes, size: int = 7) -> tuple[ReceivedForm, bytes]:
    body = b"".join(parts) + b"--x--\r\n"

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    kept = Kept()
    with ReceivedImages(kept) as images:
        form = anyio.run(receive_files, HEADERS, pieces(), images)
    return form, kept.content


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_images_become_the_members_of_a_zip(size: int) -> None:
    field = b'--x\r\nContent-Disposition: form-data; name="label"\r\n\r\nCOVID\r\n'
    form, content = received(part(PNG, "a.png"), field, part(JPEG, "b.jpg"), size=size)
    assert form.fields == {"label": "COVID"}
    assert form.num_bytes == len(PNG) + len(JPEG)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.png": PNG,
            "b.jpg": JPEG,
        }


def test_a_zip_is_kept_as_it_is() -> None:
    form, content = received(part(ZIP, "images.zip"))
    assert content == ZIP
    assert form.num_bytes == len(ZIP)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/x.png", "x.png"),
        ("C:\\\\scans\\\\x.png", "x.png"),
        (".hidden.png", "hidden.png"),
        ("", "image-1"),
        ("..", "image-1"),
    ],
)
def test_a_name_is_one_that_can_stand_in_a_zip(sent: str, kept: str) -> None:
    _, content = received(part(PNG, sent))
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == [kept]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [part(b"", "empty.png")],
        [part(b"\x89P", "short.png")],
        [part(b"GIF89a and so on", "a.gif")],
        [part(PNG, "a.png", name="image")],
        [part(PNG, "a.png"), part(PNG, "other/a.png")],
        [part(PNG, "a.png"), part(ZIP, "b.zip")],
        [part(ZIP, "b.zip"), part(PNG, "a.png")],
        [part(PNG, "a.png")[:-9]],
    ],
)
def test_what_is_no_image_is_refused(parts: list[bytes]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        received(*parts)
    assert refused.value.fields[0].pointer == "/file"


def test_too_many_images_and_bytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_IMAGES", 2)
    with pytest.raises(TooManyImages, match="At most 2 images"):
        received(*(part(PNG, f"{number}.png") for number in range(3)))
    monkeypatch.setattr(images, "MAX_BYTES", len(PNG))
    with pytest.raises(UploadTooLarge):
        received(part(PNG, "a.png"), part(PNG, "b.png"))


def test_the_digest_depends_on_content_and_names() -> None:
    one = received(part(PNG, "a.png"), part(JPEG, "b.jpg"))[0].sha256
    assert one == received(part(PNG, "a.png"), part(JPEG, "b.jpg"), size=3)[0].sha256
    assert one != received(part(JPEG, "a.png"), part(PNG, "b.jpg"))[0].sha256
    assert one != received(part(PNG, "a.png"), part(JPEG, "c.jpg"))[0].sha256
