"""Storing images: the server must say of each that it has it."""

import asyncio

import pytest

from service.domain import errors
from service.domain.dicomweb import DicomwebServer
from tests.fake_pacs import Answer, FakePacs, json_of, radiograph, sequence
from workers.dicomweb.connection import Connection
from workers.dicomweb.storage import store

FILES = {f"1.2.3.2.{k}.3": radiograph(k) for k in range(20, 23)}


def stored(pacs: FakePacs) -> None:
    async def send() -> None:
        server = DicomwebServer("pacs", pacs.url)
        async with Connection(server, request_seconds=10) as connection:
            await store(connection, FILES)

    asyncio.run(send())


def test_what_is_stored_is_byte_for_byte_what_was_sent(pacs: FakePacs) -> None:
    stored(pacs)
    stored(pacs)
    assert {uid: pacs.files[uid] for uid in FILES} == FILES
    assert len(pacs.files) == 10 + len(FILES)


def test_what_is_there_already_is_as_good_as_stored(pacs: FakePacs) -> None:
    first, *others = FILES
    content = {"00081199": sequence([first]), "00081198": sequence(others, FailureReason=273)}
    pacs.instead = lambda *_: (202, *json_of(content))
    stored(pacs)


@pytest.mark.parametrize(
    "answer",
    [
        (200, *json_of({})),
        (200, *json_of({"00081199": sequence(list(FILES)[:2])})),
        (202, *json_of({"00081198": sequence(list(FILES), FailureReason=272)})),
        (409, *json_of({"00081198": sequence(list(FILES), FailureReason=49152)})),
        (200, *json_of({"00081199": {"Value": [None, "x", {"00081155": 3}]}})),
    ],
)
def test_an_image_that_is_not_said_to_be_stored_is_not(pacs: FakePacs, answer: Answer) -> None:
    pacs.instead = lambda *_: answer
    with pytest.raises(errors.DicomwebStoreRefused):
        stored(pacs)


@pytest.mark.parametrize(
    "answer", [(200, {}, b""), (200, {"Content-Type": "text/html"}, b"ok"), (200, *json_of([]))]
)
def test_an_answer_that_cannot_be_read_is_no_promise(pacs: FakePacs, answer: Answer) -> None:
    pacs.instead = lambda *_: answer
    with pytest.raises(errors.DicomwebAnswerInvalid):
        stored(pacs)
