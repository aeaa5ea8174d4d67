"""What a tenant uses of its quotas, in SQLite or PostgreSQL."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from service.adapters import sql_tables as t
from service.adapters.sql_database import insert_if_new
from service.domain import quotas
from service.domain.job import HELD, Job, JobState
from service.domain.quotas import Quotas, Use

_HELD = [str(state) for state in HELD]


def check_quotas(
    connection: Connection, limits: Quotas | None, job: Job, added: Use, now: datetime
) -> None:
    """Check what a job adds to what its tenant uses.

    Two jobs of one tenant are checked one after the other: the tenant's row of the day is locked
    until the transaction ends.

    Raises:
        QuotaExceeded: It is past a limit.
    """
    if limits and limits != Quotas():
        today = _locked_day(connection, job.tenant, now.astimezone(UTC).date())
        quotas.check(limits, _used(connection, job.tenant, today, now), added, now)


def book(connection: Connection, job: Job, ended: Job, now: datetime) -> None:
    """Book the time that a worker spent on a job, and what it generated, to the job's tenant."""
    spent = list(quotas.seconds_by_day(job, now))
    made = (quotas.num_images(job) or 0) if ended.state is JobState.SUCCEEDED else 0
    days = t.tenant_days.c
    for place, (day, seconds) in enumerate(spent, 1):
        _locked_day(connection, job.tenant, day)
        more = {
            "worker_seconds": days.worker_seconds + seconds,
            "num_images": days.num_images + (made if place == len(spent) else 0),
        }
        here = (days.tenant == job.tenant, days.day == day)
        connection.execute(update(t.tenant_days).where(*here).values(more))


def quota_columns(job: Job) -> Mapping[str, Any]:
    """Return the columns of a job that quotas are counted by."""
    return {"num_images": quotas.num_images(job), "budget_seconds": quotas.budget_seconds(job)}


def _locked_day(connection: Connection, tenant: str, day: date) -> RowMapping:
    """Read what a tenant used on a day; nobody else may until the transaction ends."""
    days = t.tenant_days
    row = {"tenant": tenant, "day": day, "worker_seconds": 0.0, "num_images": 0}
    insert_if_new(connection, days, row)
    query = select(days).where(days.c.tenant == tenant, days.c.day == day).with_for_update()
    return connection.execute(query).mappings().one()


def _used(connection: Connection, tenant: str, today: RowMapping, now: datetime) -> Use:
    jobs, datasets = t.jobs.c, t.datasets.c
    columns = (jobs.state, jobs.started_at, jobs.num_images, jobs.budget_seconds)
    not_done = select(*columns).where(jobs.tenant == tenant, jobs.state.in_(["queued", *_HELD]))
    rows = connection.execute(not_done).mappings().all()
    stored = select(func.sum(datasets.num_bytes)).where(datasets.tenant == tenant)
    return Use(
        queued_jobs=sum(row["state"] == "queued" for row in rows),
        worker_seconds=today["worker_seconds"] + sum(_seconds_of(row, now) for row in rows),
        stored_bytes=int(connection.execute(stored).scalar() or 0),
        images=today["num_images"] + sum(row["num_images"] or 0 for row in rows),
    )


def _seconds_of(row: RowMapping, now: datetime) -> float:
    """Return what a job that is not done has taken today, or at least its budget."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    running = row["state"] in _HELD and row["started_at"]
    taken = (now - max(row["started_at"], midnight)).total_seconds() if running else 0.0
    return float(max(taken, row["budget_seconds"]))
