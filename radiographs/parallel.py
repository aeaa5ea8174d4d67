"""Work done by threads, given back in order, with a pulse while it lasts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_ITEMS_AT_ONCE = 8  # spreads the cost of a hand-over; few enough to stop soon
_PULSE_SECONDS = 0.25


def in_order(
    work: Callable[[Sequence[Item]], list[Result]],
    items: Sequence[Item],
    num_workers: int,
    interrupt: Callable[[], None] = lambda: None,
) -> Iterator[list[Result]]:
    """Apply `work` to all items in threads, some at a time.

    Only a few items are ahead of the caller at any time, and closing the iterator stops the
    threads.

    Args:
        work: What is to be done with some of the items.
        items: All of them.
        num_workers: Threads.
        interrupt: Called where the caller stops early: ends the work that is under way.

    Yields:
        The next results in the order of the items; an empty list when nothing has come for a
        quarter of a second.
    """
    batches = (items[k : k + _ITEMS_AT_ONCE] for k in range(0, len(items), _ITEMS_AT_ONCE))
    ahead: deque[Future[list[Result]]] = deque()
    pool = ThreadPoolExecutor(num_workers, thread_name_prefix="images")
    try:
        for batch in batches:
            ahead.append(pool.submit(work, batch))
            if len(ahead) > 2 * num_workers:
                yield from _awaited(ahead.popleft())
        while ahead:
            yield from _awaited(ahead.popleft())
    except BaseException:  # an error, or the iterator was closed
        interrupt()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _awaited(future: Future[list[Result]]) -> Iterator[list[Result]]:
    while True:
        try:
            result = future.result(_PULSE_SECONDS)
        except NotYet:
            if future.done():
                raise
            yield []
        else:
            yield result
            return
