"""Has the worker of generations prepare for a model's sets once the model is trained."""

from __future__ import annotations

import hashlib

import structlog

from service.domain.errors import Conflict, NotFound, RecordsUnavailable
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.job_ports import Idempotency
from service.domain.record_ports import Records
from service.domain.records import Model
from service.domain.requests import PrepareRequest

log = structlog.get_logger()


def submit_preparation(records: Records, trained: Job) -> None:
    """Queue the preparation for the sets of a model, once for each dataset and image size.

    The scheduler announces the job. One that is lost costs time alone: the first generation then
    prepares itself.

    Args:
        records: Where jobs are kept.
        trained: A training that has succeeded.
    """
    model_id = trained.result.model_id if trained.result else None
    assert model_id, "a training that succeeded made a model"
    try:
        _submit(records, trained, records.catalog.model(model_id))
    except (Conflict, NotFound, RecordsUnavailable) as error:
        log.warning("preparation not queued", job_id=trained.id, reason=type(error).__name__)


def _submit(records: Records, trained: Job, model: Model) -> None:
    job = Job(
        id=new_id("job"),
        kind=JobKind.PREPARE,
        queue=JobKind.PREPARE.queue,
        state=JobState.QUEUED,
        request=PrepareRequest(model.id, model.dataset_id),
        created_at=trained.finished_at or model.created_at,
        tenant=trained.tenant,
        trace_context=trained.trace_context,
    )
    records.jobs.submit(job, idempotency=_once(model))


def _once(model: Model) -> Idempotency:
    """Name what is prepared: it is the same for all models of one size that learned from it."""
    learned_from = sorted({model.dataset_id, *model.inherited})
    subject = " ".join(["prepare", str(model.image_size), *learned_from])
    return Idempotency(subject, hashlib.sha256(subject.encode()).hexdigest())
