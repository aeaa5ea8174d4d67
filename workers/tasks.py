"""The one Celery task: a doorbell that names a job."""

from __future__ import annotations

from workers.celery_app import app, settings


@app.task(name="synthcxr.run_job")  # type: ignore[untyped-decorator]
def run_job(job_id: str) -> None:
    """Run the job if it still waits; a stale or doubled ring does nothing."""
    # imported here, so that only the process that runs jobs imports torch
    from workers import runner
    from workers.wiring import Workplace

    runner.run_job(job_id, Workplace.of(settings))
