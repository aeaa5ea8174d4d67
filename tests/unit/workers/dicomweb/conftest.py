from collections.abc import Iterator

import pytest

from tests.fake_pacs import FakePacs, radiograph, serving
from workers.dicomweb import connection


@pytest.fixture(autouse=True)
def one_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PAUSES_SECONDS", ())


@pytest.fixture
def pacs() -> Iterator[FakePacs]:
    """A server that holds seven normal chests and three effusions."""
    with serving(FakePacs()) as pacs:
        pacs.hold(*(radiograph(index) for index in range(7)))
        pacs.hold(*(radiograph(index, "effusion") for index in range(3)))
        yield pacs
