"""Notifying in the background, so that no request waits for the broker, however that fails."""

import queue
import threading
from contextlib import suppress

from typing_extensions import override

from service.domain.ports import TaskQueue

_MOST_WAITING = 1000


class BackgroundQueue(TaskQueue):
    """Passes messages on from a thread of its own, which ends with the process.

    What comes while very many wait is left out: workers look for jobs by themselves, a message
    only makes it sooner.

    Args:
        task_queue: Sends the messages.
    """

    def __init__(self, task_queue: TaskQueue) -> None:
        self._task_queue = task_queue
        self._waiting: queue.Queue[tuple[str, str]] = queue.Queue(_MOST_WAITING)
        threading.Thread(target=self._pass_on, name="notifications", daemon=True).start()

    @override
    def notify(self, queue_name: str, job_id: str) -> None:
        with suppress(queue.Full):
            self._waiting.put_nowait((queue_name, job_id))

    @override
    def reachable(self) -> bool:
        return self._task_queue.reachable()

    def _pass_on(self) -> None:
        while True:
            self._task_queue.notify(*self._waiting.get())
