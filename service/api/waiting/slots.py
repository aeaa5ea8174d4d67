"""How many requests may wait for something to happen."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from service.domain.caller import Caller
from service.domain.errors import TooManyStreams


class Slots:
    """Counts streams and long polls, which hold a connection and no thread.

    Args:
        most: In all.
        most_per_caller: Of one caller.
    """

    def __init__(self, most: int, most_per_caller: int) -> None:
        self._most = most
        self._most_per_caller = most_per_caller
        self._num_of: Counter[str] = Counter()

    @contextmanager
    def one_of(self, caller: Caller) -> Iterator[None]:
        """Count a request while it waits, or raise TooManyStreams."""
        if self._num_of[caller.id] >= self._most_per_caller:
            raise TooManyStreams(
                f"You have {self._most_per_caller} streams and waiting requests open, which is the "
                "limit (SYNTHCXR_MAX_STREAMS_PER_CALLER). Close some, or read without waiting."
            )
        if self._num_of.total() >= self._most:
            raise TooManyStreams(
                f"All {self._most} streams and waiting requests of this service are in use "
                "(SYNTHCXR_MAX_STREAMS). Read without waiting, or try again later."
            )
        self._num_of[caller.id] += 1
        try:
            yield
        finally:
            self._num_of[caller.id] -= 1
            if not self._num_of[caller.id]:
                del self._num_of[caller.id]
