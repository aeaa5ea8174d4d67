"""Work on a network that stops when its job does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
Item = TypeVar("Item")

_PULSE_SECONDS = 0.25
AT_ONCE = 4  # requests: enough to hide the way there and back, few enough to bear


def run(work: Coroutine[Any, Any, T], pulse: Callable[[], None]) -> T:
    """Do work, and ask four times a second whether to go on.

    Args:
        work: What waits for the network; it is stopped in the middle of any request.
        pulse: Raises to stop.
    """

    async def watched() -> T:
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=_PULSE_SECONDS))[0]:
                pulse()
            return task.result()
        finally:
            task.cancel()
            await asyncio.wait({task})

    return asyncio.run(watched())


async def for_each(
    items: Iterable[Item], work: Callable[[Item], Coroutine[Any, Any, None]]
) -> None:
    """Do something for each of some items, a few at once; the first error ends it."""
    waiting = iter(items)

    async def take() -> None:
        for item in waiting:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(take())
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
