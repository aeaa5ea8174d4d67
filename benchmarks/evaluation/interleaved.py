"""Rates measured in turn, so that a machine that slows down slows all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Task = Callable[[], int]


def rates(
    tasks: Mapping[str, Task], rounds: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Run every task once a round and give items per second, by round.

    Each task runs once before the rounds, uncounted. Every other round goes through the tasks
    backwards, so that none always follows the same one.

    Args:
        tasks: Each does its work and says how many items it made.
        rounds: How often.
        clock: In seconds.
    """
    for task in tasks.values():
        task()
    measured: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds):
        names = list(tasks)
        for name in reversed(names) if number % 2 else names:
            began = clock()
            num_items = tasks[name]()
            measured[name].append(num_items / (clock() - began))
    return measured
