"""The one Celery task: a message that names a job."""

from __future__ import annotations

from workers.celery_app import app, settings


@app.task(name="synthcxr.run_job")  # type: ignore[untyped-decorator]
def run_job(job_id: str) -> None:
    """Run the job if it still waits, or else another that does."""
    # imported here, so that only the process that runs jobs imports torch
    from workers import runner
    from workers.runtime.context import WorkerContext

    runner.run_announced(job_id, settings.worker_queues, WorkerContext.of(settings))
