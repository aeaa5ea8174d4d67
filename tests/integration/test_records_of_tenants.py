"""Records of one tenant, and what each tenant uses of its quotas: memory, SQLite, PostgreSQL."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from release.gate.verdict import Verdict
from service.domain import errors
from service.domain.audit import AuditDraft
from service.domain.errors import Problem
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.job_ports import Idempotency
from service.domain.quotas import Quotas
from service.domain.record_ports import Records
from service.domain.records import (
    ArtifactRef,
    Dataset,
    DatasetState,
    GeneratedSet,
    IngestedDataset,
    Model,
    SyntheticSet,
    TrainedModel,
)
from service.domain.requests import DatasetSource, TrainingBudget
from tests.in_memory_queue import ManualClock
from tests.sample_records import generate_request, ingest_request, model_card, train_request

REQUESTS = {
    JobKind.INGEST: ingest_request,
    JobKind.TRAIN: train_request,
    JobKind.GENERATE: generate_request,
}
EVENING = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
HOUR = 3600

DELETE = AuditDraft("a", "anybody", "delete_dataset")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(EVENING)


@pytest.fixture
def a(records: Records) -> Records:
    return records.of_tenant("a")


@pytest.fixture
def b(records: Records) -> Records:
    return records.of_tenant("b")


def job_of(clock: ManualClock, kind: JobKind = JobKind.TRAIN, **changes: Any) -> Job:
    request = REQUESTS[kind](**changes)
    return Job(new_id("job"), kind, kind.queue, JobState.QUEUED, request, clock.now())


def dataset_of(job: Job, clock: ManualClock) -> Dataset:
    return Dataset(
        id=job.request.dataset_id,
        name="images",
        state=DatasetState.INGESTING,
        source=DatasetSource(upload="x.zip"),
        created_at=clock.now(),
        job_id=job.id,
    )


def ingest(records: Records, clock: ManualClock, stored_bytes: int, **options: Any) -> Job:
    job = job_of(clock, JobKind.INGEST, dataset_id=new_id("ds"))
    dataset = dataset_of(job, clock)
    return records.jobs.submit(job, dataset=dataset, stored_bytes=stored_bytes, **options)


def claimed(records: Records, job: Job) -> Job:
    taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert taken
    return taken


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(errors.QuotaExceeded) as caught:
        action()
    return caught.value.message


def test_jobs_of_another_tenant_are_not_there(
    records: Records, a: Records, b: Records, clock: ManualClock
) -> None:
    job = a.jobs.submit(job_of(clock))
    assert job.tenant == "a"
    assert records.jobs.job(job.id) == a.jobs.job(job.id) == job
    for method in ("job", "events", "request_cancel", "retry", "delete_job"):
        with pytest.raises(errors.JobNotFound) as unknown:
            getattr(b.jobs, method)("job_none")
        with pytest.raises(errors.JobNotFound) as foreign:
            getattr(b.jobs, method)(job.id)
        assert foreign.value.message.replace(job.id, "job_none") == unknown.value.message
    assert b.jobs.jobs().items == []
    assert a.jobs.some_jobs([job.id, "job_none"]) == [job]
    assert b.jobs.some_jobs([job.id]) == []
    assert b.jobs.revisions([job.id]) == {}
    assert b.jobs.queue_positions([job]) == {}
    later = b.jobs.submit(job_of(clock))
    assert b.jobs.queue_positions([later]) == {later.id: 0}
    assert sorted(records.jobs.queue_positions([job, later]).values()) == [0, 1]


def test_each_tenant_has_its_own_idempotency_keys(
    a: Records, b: Records, clock: ManualClock
) -> None:
    key, other = Idempotency("key", "1" * 64), Idempotency("key", "2" * 64)
    first = a.jobs.submit(job_of(clock), idempotency=key)
    assert b.jobs.submitted(key) is None
    assert b.jobs.submitted(other) is None
    second = b.jobs.submit(job_of(clock), idempotency=other)
    assert a.jobs.submitted(key) == first
    assert b.jobs.submitted(other) == second
    with pytest.raises(errors.IdempotencyConflict):
        a.jobs.submit(job_of(clock), idempotency=other)
    first = a.jobs.request_cancel(first.id)
    a.jobs.delete_job(first.id)
    assert b.jobs.submitted(other) == second


def test_what_a_job_makes_belongs_to_its_tenant(
    records: Records, a: Records, b: Records, clock: ManualClock
) -> None:
    job = ingest(a, clock, 5)
    dataset = replace(
        a.catalog.dataset(job.request.dataset_id), state=DatasetState.READY, version="v"
    )
    records.jobs.succeed(claimed(records, job).claim_held, IngestedDataset(dataset, [1]))
    job = a.jobs.submit(job_of(clock, dataset_id=dataset.id))
    model = Model(
        id=new_id("mdl"),
        family="vae",
        dataset_id=dataset.id,
        classes=("normal",),
        image_size=64,
        config={},
        preset="tiny",
        images_seen=1,
        snapshot=ArtifactRef("models/m/s", "0" * 64, 1),
        job_id=job.id,
        created_at=clock.now(),
        card=model_card(),
    )
    records.jobs.succeed(claimed(records, job).claim_held, TrainedModel(model))
    job = a.jobs.submit(job_of(clock, JobKind.GENERATE, model_id=model.id))
    page = ArtifactRef("synthetic-sets/s/report.html", "3" * 64, 1)
    made = SyntheticSet(
        id=new_id("syn"),
        model_id=model.id,
        job_id=job.id,
        num_images=0,
        class_counts={},
        zip=None,
        manifest=None,
        created_at=clock.now(),
        dataset_id=dataset.id,
        verdict=Verdict("passed"),
        report=page,
        findings=page,
    )
    records.jobs.succeed(claimed(records, job).claim_held, GeneratedSet(made))

    assert a.catalog.dataset(dataset.id) == dataset
    assert a.catalog.model(model.id) == model
    assert a.releases.synthetic_set(made.id) == made
    assert [each.id for each in a.releases.examined_sets(model.id)] == [made.id]
    for items in (b.catalog.datasets(), b.catalog.models(), b.releases.synthetic_sets()):
        assert items.items == []
    for read, name in (
        (b.catalog.dataset, dataset.id),
        (lambda name: b.deletions.delete_dataset(name, DELETE, cascade=True), dataset.id),
        (lambda name: b.deletions.delete_model(name, DELETE, cascade=True), model.id),
        (b.catalog.model, model.id),
        (b.releases.synthetic_set, made.id),
        (b.releases.delete_synthetic_set, made.id),
        (lambda name: b.releases.read_findings(name, 1), made.id),
    ):
        with pytest.raises(errors.NotFound):
            read(name)
    assert b.releases.examined_sets(model.id) == []
    assert b.releases.releases(dataset.id) == b.releases.released_examinations(dataset.id) == []
    assert b.catalog.newest_split_dataset() is None
    assert a.releases.releases(dataset.id) == records.releases.releases(dataset.id) == [made]


def test_one_tenant_has_so_many_jobs_queued(
    records: Records, a: Records, b: Records, clock: ManualClock
) -> None:
    quotas = Quotas(max_queued_jobs=2)
    first = a.jobs.submit(job_of(clock), quotas=quotas)
    a.jobs.submit(job_of(clock), quotas=quotas)
    message = refused(lambda: a.jobs.submit(job_of(clock), quotas=quotas))
    assert "2 queued jobs: 2 are used" in message
    b.jobs.submit(job_of(clock), quotas=quotas)
    claim = claimed(records, first).claim_held
    a.jobs.submit(job_of(clock), quotas=quotas)
    records.jobs.fail(claim, Problem("broken", "It broke."))
    refused(lambda: a.jobs.retry(first.id, quotas=quotas))
    assert a.jobs.job(first.id).state is JobState.FAILED
    assert len(a.jobs.jobs().items) == 3


def test_a_request_that_is_sent_again_is_answered_past_the_quota(
    a: Records, clock: ManualClock
) -> None:
    quotas, key = Quotas(max_queued_jobs=1), Idempotency("key", "1" * 64)
    job = a.jobs.submit(job_of(clock), idempotency=key, quotas=quotas)
    assert a.jobs.submit(job_of(clock), idempotency=key, quotas=quotas) == job
    other = Idempotency("other", "1" * 64)
    refused(lambda: a.jobs.submit(job_of(clock), idempotency=other, quotas=quotas))
    assert a.jobs.submitted(other) is None, "a refused request takes no key"


def test_worker_seconds_of_a_day_are_booked_by_day_and_outlive_their_jobs(
    records: Records, a: Records, clock: ManualClock
) -> None:
    quotas = Quotas(max_worker_seconds_per_day=2 * HOUR)
    job = a.jobs.submit(job_of(clock), quotas=quotas)
    claim = claimed(records, job).claim_held
    clock.advance(3 * HOUR)  # one hour of this day, two of the next
    refused(lambda: a.jobs.submit(job_of(clock), quotas=quotas))
    records.jobs.fail(claim, Problem("broken", "It broke."))
    a.jobs.delete_job(job.id)
    message = refused(lambda: a.jobs.submit(job_of(clock), quotas=quotas))
    assert "7,200 are used" in message
    assert "2026-03-03 00:00 UTC" in message
    clock.advance(22 * HOUR)
    a.jobs.submit(job_of(clock), quotas=quotas)


def test_an_attempt_that_is_put_back_or_lost_counts(
    records: Records, a: Records, clock: ManualClock
) -> None:
    quotas = Quotas(max_worker_seconds_per_day=100)
    job = a.jobs.submit(job_of(clock))
    claim = claimed(records, job).claim_held
    clock.advance(60)
    records.jobs.put_back(claim, Problem("again", "Again."))
    claimed(records, job)
    clock.advance(60)
    records.jobs.expire_leases()
    assert "120 are used" in refused(lambda: a.jobs.submit(job_of(clock), quotas=quotas))


def test_a_training_counts_its_budget_until_it_ends(
    records: Records, a: Records, clock: ManualClock
) -> None:
    quotas = Quotas(max_worker_seconds_per_day=100)

    def training() -> Job:
        return job_of(clock, budget=TrainingBudget(seconds=60))

    job = a.jobs.submit(training(), quotas=quotas)
    refused(lambda: a.jobs.submit(training(), quotas=quotas))
    claim = claimed(records, job).claim_held
    clock.advance(10)
    refused(lambda: a.jobs.submit(training(), quotas=quotas))
    records.jobs.fail(claim, Problem("broken", "It broke."))
    a.jobs.submit(training(), quotas=quotas)


def test_bytes_count_from_upload_to_deletion(
    records: Records, a: Records, clock: ManualClock
) -> None:
    quotas = Quotas(max_stored_bytes=100)
    job = ingest(a, clock, 60, quotas=quotas)
    message = refused(lambda: ingest(a, clock, 60, quotas=quotas))
    assert "100 stored bytes: 60 are used, and this would add 60" in message
    dataset = a.catalog.dataset(job.request.dataset_id)
    ready = replace(dataset, artifact=ArtifactRef("datasets/x", "0" * 64, 30))
    records.jobs.succeed(claimed(records, job).claim_held, IngestedDataset(ready))
    ingest(a, clock, 60, quotas=quotas)
    a.jobs.submit(job_of(clock), quotas=replace(quotas, max_stored_bytes=1))
    refused(lambda: ingest(a, clock, 60, quotas=quotas))
    a.deletions.delete_dataset(dataset.id, DELETE, cascade=False)
    ingest(a, clock, 40, quotas=quotas)


def test_images_count_when_asked_for_and_when_made(
    records: Records, a: Records, clock: ManualClock
) -> None:
    quotas = Quotas(max_images_per_day=5)

    def generation() -> Job:
        return job_of(clock, JobKind.GENERATE, synthetic_set_id=new_id("syn"))  # three images

    first = a.jobs.submit(generation(), quotas=quotas)
    assert "5 images a day: 3 are used, and this would add 3" in refused(
        lambda: a.jobs.submit(generation(), quotas=quotas)
    )
    a.jobs.request_cancel(first.id)
    second = a.jobs.submit(generation(), quotas=quotas)
    a.jobs.submit(job_of(clock), quotas=quotas)
    clock.advance(1)
    claim = claimed(records, second).claim_held
    clock.advance(1)
    page = ArtifactRef("synthetic-sets/s/report.html", "3" * 64, 1)
    made = SyntheticSet(
        second.request.synthetic_set_id,  # type: ignore[union-attr]
        "mdl_1",
        second.id,
        0,
        {},
        None,
        None,
        clock.now(),
        "ds_1",
        Verdict("inconclusive", code="power"),
        page,
        page,
    )
    records.jobs.succeed(claim, GeneratedSet(made))
    a.jobs.delete_job(second.id)
    refused(lambda: a.jobs.submit(generation(), quotas=quotas))
    done = replace(generation(), state=JobState.SUCCEEDED)  # the set exists already
    a.jobs.submit(done, quotas=quotas)
    clock.advance(HOUR)
    a.jobs.submit(generation(), quotas=quotas)


def test_no_race_goes_past_a_quota(a: Records, clock: ManualClock) -> None:
    quotas, barrier = Quotas(max_queued_jobs=3), threading.Barrier(8)
    outcomes: list[object] = []

    def submit() -> None:
        barrier.wait()
        try:
            outcomes.append(a.jobs.submit(job_of(clock), quotas=quotas))
        except errors.QuotaExceeded as error:
            outcomes.append(error)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert len([each for each in outcomes if isinstance(each, Job)]) == 3
    assert len(a.jobs.jobs().items) == 3
