"""Cooperative cancellation: long loops ask whether to go on, and whoever runs them decides.

A loop calls `check_cancelled` between its steps. What it does is set, for the code within a block
and for nothing else, by `cancellable`; outside of such a block it does nothing. So functions need
no parameter for it, and objects that outlive a job keep no reference to it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")

_check: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


def check_cancelled() -> None:
    """Go on, or stop here: raises whatever the enclosing `cancellable` block's callable raises.

    Call it at least every half second or so; it costs a few hundred nanoseconds.
    """
    check = _check.get()
    if check is not None:
        check()


@contextmanager
def cancellable(check: Callable[[], None]) -> Iterator[None]:
    """Let the code in this block be stopped.

    The block reaches as far as this thread: a thread that is started within is not stopped.

    Args:
        check: Called by `check_cancelled`; raises to stop, returns to go on.
    """
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def completed(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end unless it is cancelled between its yields; returns its value."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
        check_cancelled()
