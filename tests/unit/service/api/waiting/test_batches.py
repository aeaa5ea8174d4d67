"""What is asked for during one reading is read by the next."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from service.api.waiting.batches import Batches
from service.domain.errors import RecordsBusy


def test_many_who_ask_at_once_share_a_reading() -> None:
    read: list[Sequence[str]] = []

    def double(names: Sequence[str]) -> dict[str, str]:
        read.append(names)
        return {name: 2 * name for name in names if name != "none"}

    async def ask() -> list[str | None]:
        batches = Batches(double)
        return await asyncio.gather(*(batches.get(name) for name in ["a", "b", "none", "a"]))

    assert asyncio.run(ask()) == ["aa", "bb", None, "aa"]
    assert len(read) <= 2


def test_nobody_gets_what_was_read_before_they_asked() -> None:
    state = {"a": 1}
    reading, go_on = threading.Event(), threading.Event()

    def read(names: Sequence[str]) -> dict[str, int]:
        found = dict(state)
        reading.set()
        go_on.wait(10)
        return found

    async def ask() -> tuple[int | None, int | None]:
        batches = Batches(read)
        first = asyncio.create_task(batches.get("a"))
        await asyncio.to_thread(reading.wait, 10)
        state["a"] = 2
        second = asyncio.create_task(batches.get("a"))
        await asyncio.sleep(0)
        go_on.set()
        return await first, await second

    assert asyncio.run(ask()) == (1, 2)


def test_a_record_that_cannot_be_read_fails_its_own_request_alone() -> None:
    def read(names: Sequence[str]) -> dict[str, int]:
        if "bad" in names:
            raise ZeroDivisionError
        return dict.fromkeys(names, 1)

    async def ask() -> list[int | BaseException | None]:
        batches = Batches(read)
        asked = (batches.get(name) for name in ["good", "bad", "fine"])
        return await asyncio.gather(*asked, return_exceptions=True)

    good, bad, fine = asyncio.run(ask())
    assert (good, fine) == (1, 1)
    assert isinstance(bad, ZeroDivisionError)


def test_a_database_that_is_busy_is_asked_once_for_all() -> None:
    num_read = 0

    def read(names: Sequence[str]) -> dict[str, int]:
        nonlocal num_read
        num_read += 1
        raise RecordsBusy("busy")

    async def ask() -> None:
        batches = Batches(read)
        for failed in await asyncio.gather(
            *(batches.get(str(number)) for number in range(20)), return_exceptions=True
        ):
            assert isinstance(failed, RecordsBusy)

    asyncio.run(ask())
    assert num_read <= 2


def test_a_request_that_goes_away_leaves_the_others_theirs() -> None:
    async def ask() -> None:
        batches = Batches(lambda names: dict.fromkeys(names, 1))
        leaving = asyncio.create_task(batches.get("a"))
        staying = asyncio.create_task(batches.get("b"))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == 1
        with pytest.raises(asyncio.CancelledError):
            await leaving

    asyncio.run(ask())
