import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from celery import Celery

from service.adapters.celery_queue import TASK_NAME, CeleryQueue


@pytest.fixture
def silent_broker() -> Iterator[str]:
    """A broker that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_without_a_broker_nobody_is_rung() -> None:
    queue = CeleryQueue(None)
    queue.notify("gpu.train", "job_1")
    assert not queue.reachable()


def test_a_broker_that_refuses_does_not_slow_requests() -> None:
    queue = CeleryQueue("redis://127.0.0.1:1/0")
    started = time.monotonic()
    for _ in range(100):
        queue.notify("gpu.train", "job_1")
    assert time.monotonic() - started < 3
    assert not queue.reachable()


def test_a_broker_that_hangs_is_waited_for_once(silent_broker: str) -> None:
    queue = CeleryQueue(silent_broker)
    started = time.monotonic()
    threads = [threading.Thread(target=queue.notify, args=("gpu.train", "job_1")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.notify("gpu.train", "job_1")
    assert time.monotonic() - started < 5


def test_a_message_names_the_job_and_nothing_else() -> None:
    queue = CeleryQueue("memory://")
    queue.notify("gpu.train", "job_1")
    assert queue.reachable()
    with Celery(broker="memory://", set_as_current=False).connection() as connection:
        message = connection.SimpleQueue("gpu.train").get(timeout=5)
        args, kwargs, _ = json.loads(message.body)
    assert message.headers["task"] == TASK_NAME
    assert message.headers["expires"] is None  # no clock has a say in whether it is read
    assert (args, kwargs) == (["job_1"], {})


def test_a_queue_that_nobody_reads_does_not_grow_without_bound() -> None:
    queue = CeleryQueue("memory://")
    for number in range(300):
        queue.notify("cpu.ingest", f"job_{number}")
    with Celery(broker="memory://", set_as_current=False).connection() as connection:
        waiting = connection.default_channel.queue_declare("cpu.ingest", passive=True)
        assert waiting.message_count == 100
        connection.default_channel.queue_purge("cpu.ingest")
    queue.notify("cpu.ingest", "job_301")  # somebody reads again
