"""The workers' processes: `python -m workers worker` and `python -m workers scheduler`."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version

from service.adapters.artifact_store import copies_kept_current
from service.adapters.celery_queue import CeleryQueue
from service.adapters.schema_check import refuse_unknown_schema
from service.adapters.secret_box import FileSecretBox
from service.adapters.webhook_sender import WebhookSender
from service.domain.errors import SchemaUnknown
from service.domain.job import JobKind
from service.logs import configure_logs
from service.private_directory import data_dir_or_exit
from service.settings import Settings, settings_or_exit
from service.settings.environment import BAD_SETTINGS
from workers.runtime.waiting import wait_passively

# A fresh process for each job gives back all memory, on the device too. A worker that only
# generates keeps its process, and in it the last models, until a leak might have grown.
KEEPS_MODELS = {
    kind.queue for kind in (JobKind.GENERATE, JobKind.SCORE, JobKind.PREPARE, JobKind.PREVIEW)
}
JOBS_PER_PROCESS = 1
GENERATIONS_PER_PROCESS = 1000


def main() -> None:
    """Run one process until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    worker = commands.add_parser("worker", help="run jobs, one at a time")
    every_queue = ",".join(kind.queue for kind in JobKind)
    worker.add_argument("--queues", default=every_queue, help="comma-separated queue names")
    worker.add_argument("--name", default="worker", help="unique on this host")
    commands.add_parser(
        "scheduler", help="notify of waiting jobs, take back lost ones, send webhooks"
    )
    arguments = parser.parse_args()
    settings = settings_or_exit()
    data_dir_or_exit(settings.data_dir)
    configure_logs(settings.log_level)
    try:
        if arguments.command == "worker":
            _work(settings, arguments.queues, arguments.name)
        else:
            _schedule(settings)
    except SchemaUnknown as error:
        sys.exit(str(error))


def jobs_per_process(queues: str) -> int:
    """Return after how many jobs a worker of these queues starts a fresh process."""
    keeps_models = set(queues.split(",")) <= KEEPS_MODELS
    return GENERATIONS_PER_PROCESS if keeps_models else JOBS_PER_PROCESS


def _work(settings: Settings, queues: str, name: str) -> None:
    os.environ["SYNTHCXR_WORKER_QUEUES"] = queues  # for the processes that run the jobs
    wait_passively(os.environ)
    from workers.celery_app import listen
    from workers.job_process import JobProcess
    from workers.runtime.context import WorkerContext
    from workers.worker import Worker

    context = WorkerContext.of(settings, _process_name())
    refuse_unknown_schema(context.records.database)
    broker_url = _broker_or_exit(settings)
    served = queues.split(",")
    start = partial(JobProcess, name, served, jobs_per_process(queues))
    worker = Worker(name, served, context, version("synthcxr"), start)
    listen(broker_url, served, name, worker.notify)
    with copies_kept_current(context.artifacts) if settings.artifacts else nullcontext():
        worker.run()


def _schedule(settings: Settings) -> None:
    from workers.runtime.context import WorkerContext
    from workers.runtime.flag import Flag
    from workers.runtime.scheduler import Scheduler
    from workers.runtime.webhook_delivery import WebhookDelivery

    context = WorkerContext.of(settings, _process_name())
    refuse_unknown_schema(context.records.database)
    broker_url = _broker_or_exit(settings)
    sender = WebhookSender(settings.webhook_rules, settings.webhook_ca_file)
    box = FileSecretBox(settings.data_dir)
    delivery = WebhookDelivery(context.records.webhooks, box, sender, context.clock)
    stop, stop_delivery = Flag(), Flag()  # one for each thread that waits

    def end(*_: object) -> None:
        stop.set()
        stop_delivery.set()

    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, end)
    beside = threading.Thread(target=delivery.run, args=(stop_delivery,), name="webhooks")
    beside.start()
    try:
        Scheduler(context, CeleryQueue(broker_url)).run(stop)
    finally:
        end()
        beside.join()


def _broker_or_exit(settings: Settings) -> str:
    """Return the broker, or end this process: without one no job would ever be begun in time."""
    if not settings.resolved_broker_url:
        sys.stderr.write(
            "Error: a worker and the scheduler need a broker: set SYNTHCXR_BROKER_URL, such as "
            "redis://127.0.0.1:6379/0, or run everything with `synthcxr up`.\n"
        )
        sys.exit(BAD_SETTINGS)
    return settings.resolved_broker_url


def _process_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


if __name__ == "__main__":
    main()
