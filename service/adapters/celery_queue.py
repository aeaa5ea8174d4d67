"""Notifies workers of waiting jobs: a Celery message with a job's identifier, nothing else."""

import threading
import time
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from typing_extensions import override

from service.domain.ports import TaskQueue

_log = structlog.get_logger()

TASK_NAME = "synthcxr.run_job"
_TIMEOUT_SECONDS = 1.0
# Messages bear no expiry, which would be judged by another machine's clock. Workers read them at
# once, even while they run a job; a queue that nobody reads gets no more than so many.
_MAX_MESSAGES = 100
_REST_SECONDS = 5.0  # after a failure nobody waits for the broker again for this long


class CeleryQueue(TaskQueue):
    """Notifies workers, and lets a request pass when there is no broker.

    Losing a message is harmless: the scheduler sends one for every queued job again.

    Args:
        broker_url: Where the workers listen; None sends no messages.
    """

    def __init__(self, broker_url: str | None) -> None:
        self._broker_url = broker_url
        self._celery = Celery("synthcxr-api", broker=broker_url, set_as_current=False)
        self._celery.conf.update(
            task_publish_retry=False,
            task_ignore_result=True,
            broker_connection_timeout=_TIMEOUT_SECONDS,
            broker_transport_options={
                "socket_timeout": _TIMEOUT_SECONDS,
                "socket_connect_timeout": _TIMEOUT_SECONDS,
                "max_retries": 0,
            },
        )
        self._resting_until = 0.0
        self._lock = threading.Lock()

    @override
    def notify(self, queue: str, job_id: str) -> None:
        """Send the message unless the broker failed a moment ago; never raise for a broker."""
        if self._broker_url is None or time.monotonic() < self._resting_until:
            return
        if not self._lock.acquire(timeout=_TIMEOUT_SECONDS):
            return
        try:
            if self._num_messages(queue) < _MAX_MESSAGES:
                self._celery.send_task(TASK_NAME, args=[job_id], queue=queue, retry=False)
        except self._broker_errors() as error:
            self._resting_until = time.monotonic() + _REST_SECONDS
            _log.warning("broker_unreachable", job_id=job_id, queue=queue, error=str(error))
        finally:
            self._lock.release()

    @override
    def reachable(self) -> bool:
        if self._broker_url is None:
            return False
        try:
            with self._celery.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, timeout=_TIMEOUT_SECONDS)
        except self._broker_errors():
            return False
        return True

    def _num_messages(self, queue: str) -> int:
        """Return how many messages of a queue nobody has read yet."""
        with self._celery.pool.acquire(block=True) as connection:
            channel = connection.default_channel
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except connection.channel_errors:  # nobody has sent or read any
                return 0

    def _broker_errors(self) -> tuple[Any, ...]:
        connection = self._celery.connection_for_write()
        return (OperationalError, OSError, *connection.connection_errors)
