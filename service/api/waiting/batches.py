"""Reading together what many requests ask for one by one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from anyio.to_thread import run_sync

from service.domain.errors import SyntheticDataError

T = TypeVar("T")

_MOST_AT_ONCE = 256


class Batches(Generic[T]):
    """Reads at once whatever was asked for while the reading before was under way.

    So a request alone waits for nothing, and of many requests one query and one thread serve all.
    Each gets what was read after it asked.

    Args:
        read: Reads records by their identifiers, in a thread; those that are not there are left
            out.
    """

    def __init__(self, read: Callable[[Sequence[str]], Mapping[str, T]]) -> None:
        self._read = read
        self._asked: list[tuple[str, asyncio.Future[T | None]]] = []
        self._reading: asyncio.Task[None] | None = None

    async def get(self, name: str) -> T | None:
        """Read a record, or None where there is none of this name."""
        answer: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._asked.append((name, answer))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
        return await answer

    async def _read_all(self) -> None:
        while self._asked:
            asked, self._asked = self._asked[:_MOST_AT_ONCE], self._asked[_MOST_AT_ONCE:]
            try:
                await self._answer(asked)
            except SyntheticDataError as error:
                _fail(asked, error)
            except Exception:  # one record may be at fault, which is no reason to fail the others
                for each in asked:
                    try:
                        await self._answer([each])
                    except Exception as error:
                        _fail([each], error)

    async def _answer(self, asked: Sequence[tuple[str, asyncio.Future[T | None]]]) -> None:
        found = await run_sync(self._read, list({name for name, _ in asked}))
        for name, answer in asked:
            if not answer.done():  # whose request went away
                answer.set_result(found.get(name))


def _fail(asked: Sequence[tuple[str, asyncio.Future[T | None]]], error: Exception) -> None:
    for _, answer in asked:
        if not answer.done():
            answer.set_exception(error)
