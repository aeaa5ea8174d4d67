"""Threads for requests that write, so that their queue never delays requests that read."""

from collections.abc import Callable
from functools import cache
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

_MOST_WRITERS = 8


async def run_writing(function: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
    """Call a function that may write to the database in a thread, in order of arrival."""
    return await run_sync(function, *arguments, limiter=_writers())


@cache
def _writers() -> CapacityLimiter:
    return CapacityLimiter(_MOST_WRITERS)
