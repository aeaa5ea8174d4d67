"""Who notifies in the background waits for nobody."""

import threading

from typing_extensions import override

from service.adapters.background_queue import BackgroundQueue
from tests.in_memory_queue import MemoryQueue


class HangingQueue(MemoryQueue):
    """A broker that says nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(up=False)
        self.asked = threading.Event()
        self.let_go = threading.Event()
        self.passed_on = threading.Semaphore(0)

    @override
    def notify(self, queue: str, job_id: str) -> None:
        self.asked.set()
        self.let_go.wait()
        super().notify(queue, job_id)
        self.passed_on.release()


def test_a_broker_that_hangs_keeps_no_request_waiting_and_hears_of_all_later() -> None:
    broker = HangingQueue()
    queue = BackgroundQueue(broker)
    queue.notify("cpu.ingest", "job_1")
    broker.asked.wait()
    queue.notify("gpu.train", "job_2")
    assert broker.notified == []
    assert not queue.reachable()
    broker.let_go.set()
    for _ in range(2):
        broker.passed_on.acquire()
    assert broker.notified == [("cpu.ingest", "job_1"), ("gpu.train", "job_2")]


def test_messages_do_not_pile_up_without_bound() -> None:
    broker = HangingQueue()
    queue = BackgroundQueue(broker)
    for number in range(3000):
        queue.notify("cpu.ingest", f"job_{number}")
    broker.let_go.set()
    for _ in range(1000):
        broker.passed_on.acquire()
    assert 1000 <= len(broker.notified) <= 1001
