"""Celery, which notifies a worker that a job waits; each setting was chosen by trying to lose one.

A message names a job and nothing else, and the worker that gets it only looks into the database
sooner than it would have done anyway. So a message that is lost, late, old or doubled, a broker
that is away, and a consumer that has gone deaf cost a second and nothing more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from celery import Celery
from celery.worker import WorkController

from service.adapters.celery_queue import TASK_NAME
from service.domain.job import JobKind

log = structlog.get_logger()

RETRY_SECONDS = 5.0


def listen(broker_url: str, queues: Sequence[str], name: str, notify: Callable[[], None]) -> None:
    """Call `notify` for each message from now on, from a thread that ends with the process.

    Args:
        broker_url: Where messages come from.
        queues: Whose messages.
        name: Of the worker, unique on this host.
        notify: Called with each message; returns at once.
    """
    app = _app(broker_url)

    @app.task(name=TASK_NAME)  # type: ignore[untyped-decorator]
    def run_job(job_id: str) -> None:  # noqa: ARG001 - any message is a reason to look
        notify()

    def consume() -> None:
        while True:
            try:
                _controller(app, queues, name).start()
            except Exception:  # whatever it is, jobs are found without it
                log.exception("notifications interrupted")
            time.sleep(RETRY_SECONDS)

    threading.Thread(target=consume, name="notifications", daemon=True).start()


def _app(broker_url: str) -> Celery:
    app = Celery("synthcxr", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_queues={kind.queue: {} for kind in JobKind},
        task_serializer="json",
        accept_content=["json"],
        # a message is read at once, even while a job runs: it does no work itself
        worker_pool="solo",
        worker_concurrency=1,
        # the row is the truth: a message only announces a job, so it can be acknowledged on receipt
        task_acks_late=False,
        # results live in the records; a result backend broke clients when the broker restarted
        task_ignore_result=True,
        result_backend=None,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        broker_transport_options={"socket_keepalive": True},
    )
    return app


def _controller(app: Celery, queues: Sequence[str], name: str) -> WorkController:
    return WorkController(
        app=app,
        hostname=f"{name}@worker",
        queues=",".join(queues),
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
