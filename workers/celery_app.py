"""The Celery application of the workers; each setting was chosen by trying to lose a job."""

from __future__ import annotations

from celery import Celery
from celery.signals import setup_logging, worker_process_init

from service.domain.job import JobKind
from service.settings import Settings
from workers.runtime.parent_death import die_with_parent

settings = Settings()

app = Celery("synthcxr", broker=settings.resolved_broker_url, include=["workers.tasks"])
app.conf.update(
    task_queues={kind.queue: {} for kind in JobKind},
    task_serializer="json",
    accept_content=["json"],
    # CUDA cannot be used in a forked process
    worker_pool_start_method="spawn",
    worker_concurrency=1,
    # a child imports torch before it reports itself alive; the default of 4 s kills it in a loop
    worker_proc_alive_timeout=120,
    # the row is the truth: a message only announces a job, so it can be acknowledged on receipt
    task_acks_late=False,
    # results live in the records; a result backend broke clients when the broker restarted
    task_ignore_result=True,
    result_backend=None,
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # True lost the running task whenever the broker went away
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    broker_transport_options={"socket_keepalive": True},
)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _log(**_: object) -> None:
    from service.logs import configure_logs

    configure_logs(settings.log_level)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _prepare_child(**_: object) -> None:
    """Import torch before the first job, so that a job starts at once, and announce a waiting job.

    A message that reached the process before this one as it ended was lost with it.
    The worker's own process never does: it only hands on messages. When it is killed, a job
    that went on without it would only keep a device from the attempt that follows.
    """
    from service import tracing
    from service.adapters.celery_queue import CeleryQueue
    from workers import runner
    from workers.runtime.context import WorkerContext
    from workers.runtime.device import prepare_torch

    die_with_parent()
    tracing.start("worker")
    prepare_torch(settings.torch_threads)
    runner.announce_waiting(
        settings.worker_queues,
        WorkerContext.of(settings),
        CeleryQueue(settings.resolved_broker_url),
    )
