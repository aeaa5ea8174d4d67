"""Messages reach a worker, and only make it look."""

import threading

from service.adapters.celery_queue import CeleryQueue
from workers.celery_app import listen


def test_each_message_notifies_the_worker_however_many_there_are() -> None:
    """Those that waited for it, and those that come while it runs a job, are read at once."""
    heard = threading.Semaphore(0)
    queue = CeleryQueue("memory://")
    for number in range(3):
        queue.notify("gpu.train", f"job_{number}")
    listen("memory://", ["gpu.train"], "w", heard.release)
    for number in range(3, 6):
        queue.notify("gpu.train", f"job_{number}")
    for _ in range(6):
        assert heard.acquire(timeout=60)
