"""Fetching one image: only a whole DICOM file becomes a file."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from service.domain.dicomweb import DicomwebServer
from tests.fake_pacs import Answer, FakePacs, radiograph, related
from workers.dicomweb import retrieval
from workers.dicomweb.connection import Connection, Missing
from workers.dicomweb.search import Instance

FILE = radiograph(1)
ASKED = Instance("1.2.3.2.1.1", "1.2.3.2.1.2", "1.2.3.2.1.3")


def fetched(pacs: FakePacs, folder: Path, instance: Instance = ASKED) -> bytes:
    target = folder / "image.dcm"

    async def fetch() -> int:
        server = DicomwebServer("pacs", pacs.url)
        async with Connection(server, request_seconds=10) as connection:
            partial = folder / "image.part"
            return await retrieval.fetch(connection, instance, target, partial)

    num_bytes = asyncio.run(fetch())
    assert num_bytes == target.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600
    return target.read_bytes()


def multipart(body: bytes, boundary: str = "b") -> Answer:
    kind = f'multipart/related; type="application/dicom"; boundary="{boundary}"'
    return 200, {"Content-Type": kind}, body


PART = b"--b\r\nContent-Type: application/dicom\r\nContent-Length: 1\r\n\r\n" + FILE


def test_an_image_comes_as_it_is_stored(pacs: FakePacs, tmp_path: Path) -> None:
    assert fetched(pacs, tmp_path) == FILE
    [(_, _, headers)] = pacs.asked
    assert headers["Accept"].endswith("transfer-syntax=*")


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"Content-Type": "application/dicom"}, FILE),
        multipart(PART + b"\r\n--b--"),
        multipart(b"\r\n" + PART + b"\r\n--b--\r\nepilogue"),
        multipart(b"--b\r\n\r\n" + FILE + b"\r\n--b--\r\n"),
    ],
)
def test_servers_may_write_messages_in_several_ways(
    pacs: FakePacs, tmp_path: Path, answer: Answer
) -> None:
    pacs.instead = lambda *_: answer
    assert fetched(pacs, tmp_path) == FILE


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {}, b""), "404"),
        ((410, {}, b""), "410"),
        (multipart(PART[:-100]), "middle"),
        (multipart(PART + b"\r\n--b\r\n"), "several|middle"),
        (multipart(PART + b"\r\n"), "middle"),
        (multipart(b""), "empty"),
        (multipart(b"--b--\r\n"), "empty"),
        (multipart(b"no boundary at all"), "separated"),
        (multipart(PART + b"\r\n--b--\r\n", boundary=""), "something else"),
        (related(FILE, FILE), "several"),
        (related(FILE, kind="image/jpeg"), "something else"),
        (related(b"<html>" * 100), "something else"),
        ((200, {"Content-Type": "text/html"}, b"<html>"), "something else"),
        ((200, {"Content-Type": "application/dicom"}, b"short"), "something else"),
        ((200, {}, FILE), "something else"),
    ],
)
def test_what_is_no_whole_dicom_file_leaves_nothing(
    pacs: FakePacs, tmp_path: Path, answer: Answer, reason: str
) -> None:
    pacs.instead = lambda *_: answer
    with pytest.raises(Missing, match=reason):
        fetched(pacs, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_part_without_end_is_cut_off(
    pacs: FakePacs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It claims 10 GB, and is not read to its end."""
    monkeypatch.setattr(retrieval, "MAX_FILE_BYTES", 50_000)
    status, headers, body = multipart(PART + b"\0" * 200_000)
    claimed = {**headers, "Content-Length": str(10 * 2**30)}
    answer: Any = (status, claimed, body)
    pacs.instead = lambda *_: answer
    with pytest.raises(Missing, match="50,000 bytes"):
        fetched(pacs, tmp_path)
    assert list(tmp_path.iterdir()) == []
