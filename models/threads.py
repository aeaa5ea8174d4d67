"""How many threads an operation on the CPU uses, chosen by timing the work itself.

Threads that meet after every operation wait for the slowest. Where another process takes a core,
two threads may be slower than one, and only a trial shows it: so pieces of the work (the updates of
a training, the batches of a generation) are done with each number in turn, and again from time to
time, since neighbours come and go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

TRIAL_SECONDS = 0.25  # for each number, after a piece that warms up
MAX_TRIAL_PIECES = 20  # for each number
LONG_PIECE_SECONDS = 1.0  # one such says enough
GIVEN_UP = 2.0  # a piece that takes so many times as long as the best ends the trial of its number
GIVEN_UP_AT_FIRST = 4.0  # the same for the first piece of all, which also prepares kernels
MARGIN = 0.05  # of time that another number must save
SHARE_OF_TRIALS = 0.05  # of the time
MIN_SECONDS_BETWEEN = 10.0
CHANGED = 1.5  # pieces so many times as long or as short as they were call for a trial soon


class Threads:
    """The number of threads that pieces of work are done with.

    Args:
        numbers: Those to choose from; one is simply used, and without any torch's own number stays.
        clock: Gives the time in seconds, from anywhere.
        use: Sets the number.

    Attributes:
        chosen: The number found best so far, at first the largest; None where none was given.
    """

    def __init__(
        self,
        numbers: Sequence[int] = (),
        *,
        clock: Callable[[], float] = time.perf_counter,
        use: Callable[[int], None] = torch.set_num_threads,
    ) -> None:
        self._numbers = sorted(set(numbers))
        self._clock = clock
        self._use = use
        self._before = torch.get_num_threads()
        self.chosen = self._numbers[-1] if numbers else None
        self._in_force = self.chosen
        self._trial: _Trial | None = None
        self._trial_seconds = TRIAL_SECONDS
        self._known: set[int] = set()  # numbers whose kernels are made
        self._cost = 0.0  # of the last trial, in seconds
        self._expected: float | None = None  # seconds of a piece, as the last trial measured them
        self._recent = 0.0  # seconds of a piece, on a moving average
        self._seconds_since = 0.0  # the last trial
        self.begin()

    @property
    def settled(self) -> bool:
        """Whether no trial is under way."""
        return self._trial is None

    def begin(self, trial_seconds: float = TRIAL_SECONDS) -> None:
        """Try all numbers on work of another kind, which is about to begin.

        Args:
            trial_seconds: For each number.
        """
        self._trial_seconds = min(trial_seconds, TRIAL_SECONDS)
        self._known = set()
        self._start_trial(self._numbers)  # beside neighbours, few are never far from the best

    def resume(self, num_threads: int | None) -> None:
        """Go on with a number that was found earlier, until it is time for a trial."""
        if num_threads in self._numbers:
            self.chosen = num_threads
            self._end_trial(cost=0.0, seconds_per_piece=None)

    @contextmanager
    def piece(self) -> Iterator[None]:
        """Do one piece of the work, of about the same size as the others."""
        if self.chosen is None:
            yield
            return
        number = self._trial.number if self._trial else self.chosen
        if number != self._in_force or torch.get_num_threads() != number:
            self._use(number)
            self._in_force = number
        began = self._clock()
        yield
        self._took(self._clock() - began)

    def settle(self) -> None:
        """End a trial that is under way: what follows is no piece, and gets the chosen number."""
        if self.chosen is not None:
            self._end_trial(cost=0.0, seconds_per_piece=None)
            self._use(self.chosen)
            self._in_force = self.chosen

    def release(self) -> None:
        """Give torch back the number it had."""
        if self.chosen is not None:
            self._use(self._before)
            self._in_force = None

    def _took(self, seconds: float) -> None:
        if self._trial is None:
            self._seconds_since += seconds
            self._recent = 0.75 * self._recent + 0.25 * seconds if self._recent else seconds
            if self._seconds_since >= self._wait_seconds():
                self._start_trial(self._adjacent())
            return
        self._trial.take(seconds)
        if self._trial.ended:
            best, cost = self._trial.best, self._trial.cost
            changed = best != self.chosen
            self.chosen = best
            self._known |= set(self._trial.order)
            self._end_trial(cost / 4 if changed else cost, self._trial.seconds_of[best])

    def _start_trial(self, numbers: Sequence[int]) -> None:
        """Try some numbers, the chosen one among them, unless there is no choice."""
        if len(self._numbers) < 2:
            return
        self._trial = _Trial(numbers, self._known, self._trial_seconds)

    def _end_trial(self, cost: float, seconds_per_piece: float | None) -> None:
        self._trial = None
        self._cost = cost
        self._expected = seconds_per_piece
        self._recent = 0.0
        self._seconds_since = 0.0

    def _wait_seconds(self) -> float:
        """Say how long to work between two trials: so that they take little of the time."""
        if len(self._numbers) < 2:
            return float("inf")
        wait = max(MIN_SECONDS_BETWEEN, self._cost / SHARE_OF_TRIALS)
        if not self._expected or not self._recent:
            return wait
        change = self._recent / self._expected
        return wait / 4 if max(change, 1 / change) > CHANGED else wait

    def _adjacent(self) -> list[int]:
        """List the chosen number, then those beside it."""
        assert self.chosen is not None
        place = self._numbers.index(self.chosen)
        beside = self._numbers[max(0, place - 1) : place + 2]
        return [self.chosen, *(each for each in reversed(beside) if each != self.chosen)]


class _Trial:
    """Pieces done with one number of threads after the other.

    Attributes:
        order: The numbers; the first is kept unless another saves `MARGIN` of the time.
        seconds_of: What a piece takes, by number.
        cost: Seconds that the trial has taken with others than its first number.
    """

    def __init__(self, order: Sequence[int], known: set[int], seconds: float) -> None:
        self.order = list(order)
        self.seconds_of: dict[int, float] = {}
        self.cost = 0.0
        self._known = known
        self._seconds = seconds
        self._warm = False
        self._taken: list[float] = []

    @property
    def number(self) -> int:
        """The number whose turn it is."""
        return self.order[len(self.seconds_of)]

    @property
    def ended(self) -> bool:
        """Whether each number had its turn."""
        return len(self.seconds_of) == len(self.order)

    @property
    def best(self) -> int:
        """The number with which pieces take the least time."""
        first = self.order[0]
        fastest = min(self.order, key=lambda number: self.seconds_of[number])
        worth_it = self.seconds_of[fastest] < (1 - MARGIN) * self.seconds_of[first]
        return fastest if worth_it else first

    def take(self, seconds: float) -> None:
        """Take in the time of a piece."""
        number = self.number
        if self.seconds_of:
            self.cost += seconds
        best = min(self.seconds_of.values(), default=float("inf"))
        known = self._warm or number in self._known
        if seconds > (GIVEN_UP if known else GIVEN_UP_AT_FIRST) * best:
            self._next(seconds)
            return
        if not self._warm:
            self._warm = True
            return
        self._taken.append(seconds)
        total = sum(self._taken)
        enough = len(self._taken) >= 2 and total >= self._seconds
        if enough or seconds >= LONG_PIECE_SECONDS or len(self._taken) >= MAX_TRIAL_PIECES:
            self._next(total / len(self._taken))

    def _next(self, seconds_per_piece: float) -> None:
        self.seconds_of[self.number] = seconds_per_piece
        self._warm = False
        self._taken = []


def numbers_to_try(most: int) -> list[int]:
    """List numbers of threads that are worth a trial: halves of the most, down to one."""
    numbers = []
    while most:
        numbers.append(most)
        most //= 2
    return numbers
