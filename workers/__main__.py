"""The workers' processes: `python -m workers worker` and `python -m workers scheduler`."""

from __future__ import annotations

import argparse
import os
import signal
import threading

from service.domain.job import JobKind
from service.private_directory import data_dir_or_exit
from service.settings import Settings

# A fresh process for each job gives back all memory, on the device too. A worker that only
# generates keeps its process, and in it the last models, until a leak might have grown.
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
    commands.add_parser("scheduler", help="ring for waiting jobs, take back lost ones")
    arguments = parser.parse_args()
    data_dir_or_exit(Settings().data_dir)
    if arguments.command == "worker":
        _work(arguments.queues, arguments.name)
    else:
        _schedule()


def jobs_per_process(queues: str) -> int:
    """Return after how many jobs a worker of these queues starts a fresh process."""
    only_generates = queues == JobKind.GENERATE.queue
    return GENERATIONS_PER_PROCESS if only_generates else JOBS_PER_PROCESS


def _work(queues: str, name: str) -> None:
    os.environ["SYNTHCXR_WORKER_QUEUES"] = queues  # for the processes that run the jobs
    from workers.celery_app import app, settings

    app.worker_main(
        [
            "worker",
            f"--queues={queues}",
            f"--hostname={name}@%h",
            f"--max-tasks-per-child={jobs_per_process(queues)}",
            f"--loglevel={settings.log_level}",
            "--without-gossip",
            "--without-mingle",
        ]
    )


def _schedule() -> None:
    from service.adapters.celery_queue import CeleryQueue
    from service.logs import configure_logs
    from workers.runtime.context import WorkerContext
    from workers.runtime.scheduler import Scheduler

    settings = Settings()
    configure_logs(settings.log_level)
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    Scheduler(WorkerContext.of(settings), CeleryQueue(settings.resolved_broker_url)).run(stop)


if __name__ == "__main__":
    main()
