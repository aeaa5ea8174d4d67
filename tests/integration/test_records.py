"""Every records adapter keeps the same promises: memory, SQLite and PostgreSQL."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from release.gate.verdict import Outcome, Verdict
from service.domain import errors
from service.domain.api_keys import ApiKey, digest_of
from service.domain.audit import AuditDraft
from service.domain.errors import Problem
from service.domain.extractors import ExtractorIdentity
from service.domain.identifiers import new_id
from service.domain.job import EventKind, Job, JobKind, JobProgress, JobRevision, JobState
from service.domain.job_ports import Idempotency
from service.domain.model_card import WarmStart
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
from service.domain.release_rules import check_examinations, examination_number, sets_before
from service.domain.requests import (
    PHANTOMS,
    DatasetSource,
    Interpolation,
    Mixture,
    Privacy,
    PrivacyTerms,
)
from service.domain.worker import WorkerReport, WorkerState
from tests.in_memory_queue import ManualClock
from tests.sample_records import (
    generate_request,
    ingest_request,
    model_card,
    privacy_account,
    train_request,
    white_box_audit,
)

REQUESTS = {
    JobKind.INGEST: ingest_request,
    JobKind.TRAIN: train_request,
    JobKind.GENERATE: generate_request,
}
PROBLEM = Problem("broken", "It broke.")
DELETE = AuditDraft("default", "anybody", "delete_dataset", "ds_1")


@pytest.fixture
def job(clock: ManualClock) -> Job:
    return make_job(clock)


def make_job(clock: ManualClock, kind: JobKind = JobKind.TRAIN, **changes: Any) -> Job:
    return Job(
        id=new_id("job"),
        kind=kind,
        queue=kind.queue,
        state=JobState.QUEUED,
        request=REQUESTS[kind](**changes),
        created_at=clock.now(),
        labels={"why": "test"},
    )


def make_dataset(job: Job, clock: ManualClock) -> Dataset:
    return Dataset(
        id=job.request.dataset_id,
        name="images",
        state=DatasetState.INGESTING,
        source=DatasetSource(path="/radiographs"),
        created_at=clock.now(),
        job_id=job.id,
    )


def make_model(job: Job, clock: ManualClock) -> Model:
    return Model(
        id=new_id("mdl"),
        family="vae",
        dataset_id="ds_1",
        classes=("normal", "effusion"),
        image_size=64,
        config={"width": 8},
        preset="tiny",
        images_seen=10,
        snapshot=ArtifactRef("models/mdl_1/snapshot.safetensors", "0" * 64, 10),
        job_id=job.id,
        created_at=clock.now(),
        card=model_card(white_box=white_box_audit(), differential_privacy=privacy_account()),
    )


def make_set(
    job: Job,
    clock: ManualClock,
    identifier: str = "syn_1",
    outcome: Outcome = "inconclusive",
    **changes: Any,
) -> SyntheticSet:
    made = SyntheticSet(
        id=identifier,
        model_id="mdl_1",
        job_id=job.id,
        num_images=3,
        class_counts={"normal": 1, "effusion": 2},
        zip=ArtifactRef(f"synthetic-sets/{identifier}-0/set.zip", "1" * 64, 10),
        manifest=ArtifactRef(f"synthetic-sets/{identifier}-0/manifest.json", "2" * 64, 10),
        created_at=clock.now(),
        dataset_id="ds_1",
        verdict=Verdict(outcome, num_filtered=2, reasons=("Because.",)),
        report=ArtifactRef(f"synthetic-sets/{identifier}-0/report.html", "3" * 64, 10),
        findings=ArtifactRef(f"synthetic-sets/{identifier}-0/findings.json", "4" * 64, 10),
    )
    return replace(made, **changes)


def examined(
    records: Records,
    clock: ManualClock,
    identifier: str,
    outcome: Outcome = "passed",
    after: Sequence[str] | None = None,
    **changes: Any,
) -> SyntheticSet:
    """Draw a set and examine it, by default after every one that counts."""
    clock.advance(1)
    job = claimed(records, make_job(clock, JobKind.GENERATE))
    made = make_set(job, clock, identifier, outcome, **changes)
    of_model = records.releases.examined_line(made.model_id)
    counted = sets_before(
        made.id, of_model, records.releases.released_examinations(made.dataset_id)
    )
    after = [each.id for each in counted] if after is None else after
    tally = {"num_drawn": 256, "of": identifier}
    records.jobs.succeed(job.claim_held, GeneratedSet(made, tally, after))
    return made


def ingested(
    records: Records, clock: ManualClock, dataset_id: str, patients: Sequence[int]
) -> Dataset:
    """Make a dataset whose models learn from some patients."""
    job = make_job(clock, JobKind.INGEST, dataset_id=dataset_id)
    dataset = replace(make_dataset(job, clock), state=DatasetState.READY)
    records.jobs.submit(job, dataset=dataset)
    taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert taken
    records.jobs.succeed(taken.claim_held, IngestedDataset(dataset, patients))
    return dataset


def claimed(records: Records, job: Job) -> Job:
    records.jobs.submit(job)
    taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert taken is not None
    return taken


def kinds(records: Records, job: Job) -> list[str]:
    return [str(event.kind) for event in records.jobs.events(job.id)]


def test_a_submitted_job_reads_back_as_it_was_written(records: Records, job: Job) -> None:
    assert records.jobs.submit(job) == job
    assert records.jobs.job(job.id) == job
    [event] = records.jobs.events(job.id)
    assert (event.sequence, event.kind, event.data["state"]) == (1, EventKind.STATE, "queued")


def test_a_running_job_reads_back_with_progress_metrics_and_times(
    records: Records, job: Job, clock: ManualClock
) -> None:
    taken = claimed(records, job)
    progress = JobProgress("training", 10, 100, 0.1, 5.0, 18.0)
    records.jobs.record(
        taken.claim_held, progress=progress, metrics={"loss": 0.5, "bad": float("nan")}
    )
    read = records.jobs.job(job.id)
    assert read.progress == progress
    assert read.metrics == {"loss": 0.5}
    assert (read.worker, read.attempt, read.started_at) == ("w", 1, clock.now())
    assert read.version > taken.version > job.version


def test_the_same_key_and_body_yield_the_first_job(
    records: Records, job: Job, clock: ManualClock
) -> None:
    key = Idempotency("key", "a" * 64)
    records.jobs.submit(job, idempotency=key)
    again = records.jobs.submit(make_job(clock), idempotency=key)
    assert again.id == job.id
    assert len(records.jobs.jobs().items) == 1


def test_the_same_key_with_another_body_is_refused_and_queues_nothing(
    records: Records, job: Job, clock: ManualClock
) -> None:
    records.jobs.submit(job, idempotency=Idempotency("key", "a" * 64))
    with pytest.raises(errors.IdempotencyConflict):
        records.jobs.submit(make_job(clock), idempotency=Idempotency("key", "b" * 64))
    assert [found.id for found in records.jobs.jobs().items] == [job.id]


def test_a_key_is_free_again_when_its_job_is_deleted(
    records: Records, job: Job, clock: ManualClock
) -> None:
    records.jobs.submit(job, idempotency=Idempotency("key", "a" * 64))
    records.jobs.request_cancel(job.id)
    records.jobs.delete_job(job.id)
    other = make_job(clock)
    assert records.jobs.submit(other, idempotency=Idempotency("key", "b" * 64)).id == other.id


def test_a_queued_job_is_claimed_once(records: Records, job: Job) -> None:
    taken = claimed(records, job)
    assert (taken.state, taken.attempt) == (JobState.RUNNING, 1)
    assert records.jobs.claim(job.id, worker="other", lease_seconds=30) is None
    assert records.jobs.claim("job_unknown", worker="other", lease_seconds=30) is None


def test_a_heartbeat_renews_the_lease_and_reports_a_cancel(
    records: Records, job: Job, clock: ManualClock
) -> None:
    claim = claimed(records, job).claim_held
    clock.advance(20)
    assert records.jobs.heartbeat(claim, 30) is False
    clock.advance(20)
    assert records.jobs.expire_leases() == []
    records.jobs.request_cancel(job.id)
    assert records.jobs.heartbeat(claim, 30) is True


def test_a_heartbeat_is_no_change_a_client_sees(records: Records, job: Job) -> None:
    taken = claimed(records, job)
    records.jobs.heartbeat(taken.claim_held, 60)
    assert records.jobs.job(job.id).version == taken.version


def test_a_lost_lease_queues_the_job_again_and_fences_the_old_attempt_off(
    records: Records, job: Job, clock: ManualClock
) -> None:
    stale = claimed(records, job).claim_held
    clock.advance(31)
    [moved] = records.jobs.expire_leases()
    assert moved.state is JobState.QUEUED
    for attempt in range(2):
        if attempt:
            assert records.jobs.claim(job.id, worker="new", lease_seconds=30) is not None
        before = (records.jobs.job(job.id), records.jobs.events(job.id))
        for write in (
            lambda: records.jobs.heartbeat(stale, 30),
            lambda: records.jobs.record(stale, metrics={"loss": 1.0}),
            lambda: records.jobs.succeed(stale, TrainedModel(make_model(job, clock))),
            lambda: records.jobs.fail(stale, PROBLEM),
            lambda: records.jobs.put_back(stale, PROBLEM),
            lambda: records.jobs.hand_back(stale),
            lambda: records.jobs.give_up(stale, "its process ended"),
            lambda: records.jobs.finish_cancelled(stale),
        ):
            with pytest.raises(errors.LeaseLost):
                write()
        assert (records.jobs.job(job.id), records.jobs.events(job.id)) == before
        assert not records.catalog.models().items


def test_three_attempts_without_a_checkpoint_fail_the_job(
    records: Records, job: Job, clock: ManualClock
) -> None:
    records.jobs.submit(job)
    for _ in range(3):
        assert records.jobs.claim(job.id, worker="w", lease_seconds=30)
        clock.advance(31)
        records.jobs.expire_leases()
    lost = records.jobs.job(job.id)
    assert lost.state is JobState.FAILED
    assert lost.error is not None
    assert lost.error.code == "worker_lost"
    assert kinds(records, job)[-1] == "done"


def test_a_checkpoint_starts_the_count_of_attempts_again(
    records: Records, job: Job, clock: ManualClock
) -> None:
    records.jobs.submit(job)
    for _ in range(5):
        taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
        assert taken
        records.jobs.record(taken.claim_held, events=[("checkpoint", {})], checkpoint=True)
        clock.advance(31)
        records.jobs.expire_leases()
    assert records.jobs.job(job.id).state is JobState.QUEUED


def test_a_lost_lease_ends_a_job_that_was_being_cancelled(
    records: Records, job: Job, clock: ManualClock
) -> None:
    claimed(records, job)
    records.jobs.request_cancel(job.id)
    clock.advance(31)
    [moved] = records.jobs.expire_leases()
    assert moved.state is JobState.CANCELLED


def test_an_attempt_that_is_known_to_be_over_is_moved_at_once_and_the_log_says_why(
    records: Records, job: Job
) -> None:
    taken = claimed(records, job)
    assert records.jobs.held_by("w") == taken
    moved = records.jobs.give_up(taken.claim_held, "its process ended")
    assert (moved.state, moved.attempts_without_checkpoint) == (JobState.QUEUED, 1)
    assert records.jobs.held_by("w") is None
    [entry] = [each for each in records.jobs.events(job.id) if each.kind == EventKind.LOG]
    assert entry.data["message"] == "Attempt 1 ended: its process ended"


def test_fruitless_attempts_that_were_given_up_fail_the_job(records: Records, job: Job) -> None:
    records.jobs.submit(job)
    for _ in range(3):
        taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
        assert taken
        ended = records.jobs.give_up(taken.claim_held, "its process ended")
    assert (ended.state, ended.error and ended.error.code) == (JobState.FAILED, "worker_lost")


def test_attempts_that_are_handed_back_do_not_count(records: Records, job: Job) -> None:
    records.jobs.submit(job)
    for attempt in range(1, 7):
        taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
        assert taken
        handed = records.jobs.hand_back(taken.claim_held)
        assert (handed.state, handed.attempt) == (JobState.QUEUED, attempt)
        assert handed.attempts_without_checkpoint == 0


def test_a_cancel_wins_over_a_job_that_is_handed_back_or_given_up(
    records: Records, clock: ManualClock
) -> None:
    for end in (
        records.jobs.hand_back,
        lambda claim: records.jobs.give_up(claim, "its process ended"),
    ):
        job = claimed(records, make_job(clock))
        records.jobs.request_cancel(job.id)
        assert end(job.claim_held).state is JobState.CANCELLED


def test_the_job_that_waited_longest_in_some_queues_is_next(
    records: Records, clock: ManualClock
) -> None:
    both = ["cpu.ingest", "gpu.train"]
    assert (records.jobs.next_queued(both), dict(records.jobs.num_queued())) == (None, {})
    kinds_in_order = [JobKind.TRAIN, JobKind.INGEST, JobKind.TRAIN]
    first, second, third = (
        records.jobs.submit(replace(make_job(clock, kind), id=f"job_{number}"))
        for number, kind in enumerate(kinds_in_order)
    )
    assert records.jobs.next_queued(both) == first.id
    assert records.jobs.next_queued(["cpu.ingest"]) == second.id
    assert records.jobs.next_queued(["gpu.generate"]) is None
    assert records.jobs.num_queued() == {"gpu.train": 2, "cpu.ingest": 1}
    records.jobs.claim(first.id, worker="w", lease_seconds=30)
    assert records.jobs.next_queued(["gpu.train"]) == third.id


def test_workers_are_known_from_their_first_report_until_they_leave_or_fall_silent(
    records: Records, clock: ManualClock
) -> None:
    report = WorkerReport("host:w:1", "host", 1, ("gpu.train",), None, "1", WorkerState.STARTING)
    records.workers.report(report)
    started_at = clock.now()
    clock.advance(5)
    records.workers.report(replace(report, device="cpu", state=WorkerState.BUSY, job_id="job_1"))
    records.workers.report(replace(report, name="host:w:2"))
    clock.advance(2)
    first, second = records.workers.all()
    assert (first.started_at, first.silent_seconds) == (started_at, 2.0)
    assert (first.report.device, first.report.job_id) == ("cpu", "job_1")
    assert first.serves
    records.workers.leave(second.report.name)
    clock.advance(60)
    [first] = records.workers.all()
    assert not first.serves
    records.workers.forget_silent(60)
    assert records.workers.all() == []


def test_success_makes_result_and_rows_visible_together(
    records: Records, job: Job, clock: ManualClock
) -> None:
    taken = claimed(records, job)
    model = make_model(job, clock)
    ended = records.jobs.succeed(taken.claim_held, TrainedModel(model))
    assert ended == records.jobs.job(job.id)
    assert ended.result is not None
    assert records.catalog.model(ended.result.model_id or "") == model
    assert kinds(records, job) == ["state", "state", "state", "done"]


def test_success_after_a_cancel_makes_nothing_visible(
    records: Records, job: Job, clock: ManualClock
) -> None:
    taken = claimed(records, job)
    records.jobs.request_cancel(job.id)
    ended = records.jobs.succeed(taken.claim_held, TrainedModel(make_model(job, clock)))
    assert (ended.state, ended.result) == (JobState.CANCELLED, None)
    assert not records.catalog.models().items


def test_a_set_that_exists_is_kept_when_made_again(records: Records, clock: ManualClock) -> None:
    made = []
    for _ in range(2):
        job = make_job(clock, JobKind.GENERATE)
        taken = claimed(records, job)
        clock.advance(1)
        made.append(records.jobs.succeed(taken.claim_held, GeneratedSet(make_set(job, clock))))
    assert made[0].result == made[1].result
    assert records.releases.synthetic_set("syn_1").job_id == made[0].id


def test_a_job_that_is_put_back_waits_again_and_its_log_says_why(
    records: Records, job: Job
) -> None:
    taken = claimed(records, job)
    assert records.jobs.put_back(taken.claim_held, PROBLEM).state is JobState.QUEUED
    assert kinds(records, job) == ["state", "state", "log", "state"]


def test_a_dataset_follows_the_job_that_ingests_it(records: Records, clock: ManualClock) -> None:
    job = make_job(clock, JobKind.INGEST)
    dataset = make_dataset(job, clock)
    records.jobs.submit(job, dataset=dataset)
    assert records.catalog.dataset(dataset.id) == dataset
    records.jobs.request_cancel(job.id)
    assert records.catalog.dataset(dataset.id).state is DatasetState.FAILED
    records.jobs.retry(job.id)
    assert records.catalog.dataset(dataset.id).state is DatasetState.INGESTING
    taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert taken
    ready = replace(
        dataset, state=DatasetState.READY, artifact=ArtifactRef("datasets/ds_1", "3" * 64, 5)
    )
    records.jobs.succeed(taken.claim_held, IngestedDataset(ready))
    assert records.catalog.dataset(dataset.id) == ready


def test_a_dataset_in_use_stays(records: Records, clock: ManualClock) -> None:
    ingest = make_job(clock, JobKind.INGEST)
    records.jobs.submit(ingest, dataset=make_dataset(ingest, clock))
    with pytest.raises(errors.DatasetInUse):
        records.deletions.delete_dataset("ds_1", DELETE, cascade=False)
    records.jobs.request_cancel(ingest.id)
    assert records.deletions.delete_dataset("ds_1", DELETE, cascade=False).target == "ds_1"
    with pytest.raises(errors.DatasetNotFound):
        records.catalog.dataset("ds_1")


def test_only_a_job_that_is_done_is_deleted_with_its_log(records: Records, job: Job) -> None:
    records.jobs.submit(job)
    with pytest.raises(errors.JobNotDone):
        records.jobs.delete_job(job.id)
    records.jobs.request_cancel(job.id)
    records.jobs.delete_job(job.id)
    with pytest.raises(errors.JobNotFound):
        records.jobs.events(job.id)


def test_what_is_unknown_is_named(records: Records) -> None:
    for read, error in (
        (records.jobs.job, errors.JobNotFound),
        (records.jobs.events, errors.JobNotFound),
        (records.jobs.request_cancel, errors.JobNotFound),
        (records.jobs.retry, errors.JobNotFound),
        (records.jobs.delete_job, errors.JobNotFound),
        (records.catalog.dataset, errors.DatasetNotFound),
        (
            partial(records.deletions.delete_dataset, audit=DELETE, cascade=True),
            errors.DatasetNotFound,
        ),
        (records.catalog.model, errors.ModelNotFound),
        (records.releases.synthetic_set, errors.SyntheticSetNotFound),
        (records.releases.delete_synthetic_set, errors.SyntheticSetNotFound),
    ):
        with pytest.raises(error, match="nothing_here"):
            read("nothing_here")


def test_pages_are_newest_first_and_complete(records: Records, clock: ManualClock) -> None:
    submitted = []
    for index in range(7):
        clock.advance(index % 2)  # some are made at the same moment
        kind = JobKind.TRAIN if index % 3 else JobKind.GENERATE
        submitted.append(records.jobs.submit(make_job(clock, kind)))
    found: list[Job] = []
    cursor = None
    while True:
        page = records.jobs.jobs(cursor=cursor, limit=3)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(job.id for job in found) == sorted(job.id for job in submitted)
    times = [job.created_at for job in found]
    assert times == sorted(times, reverse=True)
    assert len(records.jobs.jobs(kind=JobKind.GENERATE, state=JobState.QUEUED).items) == 3
    assert not records.jobs.jobs(state=JobState.RUNNING).items


def test_a_broken_cursor_is_an_invalid_request(records: Records) -> None:
    for cursor in ("", "x", "1-", "99999999999999999999-job_1", "-1", "1e3-a", "5-\0"):
        with pytest.raises(errors.InvalidRequest):
            records.jobs.jobs(cursor=cursor)


def test_queued_jobs_know_their_position(records: Records, clock: ManualClock) -> None:
    jobs = [records.jobs.submit(make_job(clock)) for _ in range(3)]
    jobs.sort(key=lambda job: job.id)
    assert records.jobs.queue_positions(jobs) == {job.id: place for place, job in enumerate(jobs)}
    assert [job.id for job in records.jobs.queued_jobs("gpu.train", limit=2)] == [
        job.id for job in jobs[:2]
    ]
    taken = records.jobs.claim(jobs[0].id, worker="w", lease_seconds=30)
    assert taken
    assert records.jobs.queue_positions([taken, jobs[2]]) == {jobs[2].id: 1}


def test_a_job_has_another_revision_after_every_visible_change(
    records: Records, clock: ManualClock
) -> None:
    job = records.jobs.submit(make_job(clock))
    first = records.jobs.revisions([job.id, "job_none"])
    assert first == {job.id: JobRevision(1, 1)}
    running = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert running is not None
    claim = running.claim_held
    taken = records.jobs.revisions([job.id])
    records.jobs.record(claim, events=[("log", {"message": "x"})])
    reported = records.jobs.revisions([job.id])
    assert len({first[job.id], taken[job.id], reported[job.id]}) == 3
    records.jobs.heartbeat(claim, 30)
    assert records.jobs.revisions([job.id]) == reported
    records.jobs.request_cancel(job.id)
    records.jobs.finish_cancelled(claim)
    records.jobs.delete_job(job.id)
    assert records.jobs.revisions([job.id]) == {}


def test_events_are_read_from_where_one_stopped(records: Records, job: Job) -> None:
    taken = claimed(records, job)
    records.jobs.record(taken.claim_held, events=[("log", {"n": n}) for n in range(5)])
    sequences = [event.sequence for event in records.jobs.events(job.id, after=3, limit=2)]
    assert sequences == [4, 5]
    assert records.jobs.events(job.id, after=99) == []


def test_one_scheduler_holds_the_lock_until_it_expires(
    records: Records, clock: ManualClock
) -> None:
    assert records.jobs.scheduler_is_late()
    assert records.jobs.hold_scheduler_lock("a", 10)
    assert records.jobs.hold_scheduler_lock("a", 10)
    assert not records.jobs.hold_scheduler_lock("b", 10)
    assert not records.jobs.scheduler_is_late()
    clock.advance(11)
    assert records.jobs.scheduler_is_late()
    assert records.jobs.hold_scheduler_lock("b", 10)
    assert not records.jobs.hold_scheduler_lock("a", 10)


def test_artifacts_of_records_and_unfinished_trainings_are_referenced(
    records: Records, job: Job, clock: ManualClock
) -> None:
    done = claimed(records, make_job(clock))
    records.jobs.succeed(done.claim_held, TrainedModel(make_model(done, clock)))
    generate = claimed(records, make_job(clock, JobKind.GENERATE))
    records.jobs.succeed(generate.claim_held, GeneratedSet(make_set(generate, clock)))
    records.jobs.submit(job)
    assert records.catalog.referenced_artifacts() == {
        "models/mdl_1",
        "synthetic-sets/syn_1-0",
        f"checkpoints/{job.id}",
    }


def test_releases_of_a_dataset_are_listed_oldest_first_and_nothing_else(
    records: Records, clock: ManualClock
) -> None:
    first = examined(records, clock, "syn_1")
    second = examined(records, clock, "syn_2")
    examined(records, clock, "syn_3", "refused")
    assert records.releases.releases("ds_1") == [first, second]
    assert [each.id for each in records.releases.released_examinations("ds_1")] == [
        "syn_1",
        "syn_2",
    ]
    assert records.releases.releases("ds_2") == records.releases.released_examinations("ds_2") == []
    assert records.releases.synthetic_set("syn_1") == first


SMALLEST, LARGEST = -(2**63), 2**63 - 1  # of the numbers that name a patient


def test_releases_are_joined_by_patients_whatever_else_their_datasets_are(
    records: Records, clock: ManualClock
) -> None:
    """The same patients at another size, with one image fewer, under a renamed class."""
    ingested(records, clock, "ds_1", [SMALLEST, 2, 3, LARGEST])
    made = examined(records, clock, "syn_1")
    for number, patients in enumerate(
        [[SMALLEST, 2, 3, LARGEST], [2, 3, LARGEST], [SMALLEST, 7], [8, LARGEST]]
    ):
        ingested(records, clock, f"ds_1{number}", patients)
        assert records.releases.releases(f"ds_1{number}") == [made]
    ingested(records, clock, "ds_2", [4, 5])
    ingested(records, clock, "ds_3", [])
    assert records.releases.releases("ds_2") == records.releases.releases("ds_3") == []


def test_patients_in_common_with_a_third_dataset_join_nothing(
    records: Records, clock: ManualClock
) -> None:
    for dataset_id, patients in (("ds_1", [1, 2]), ("ds_2", [2, 3]), ("ds_3", [3, 4])):
        ingested(records, clock, dataset_id, patients)
    made = examined(records, clock, "syn_1")
    assert records.releases.releases("ds_2") == [made]
    assert records.releases.releases("ds_3") == []


def test_a_release_of_a_deleted_dataset_counts_where_its_patients_come_again(
    records: Records, clock: ManualClock
) -> None:
    ingested(records, clock, "ds_1", [1, 2])
    made = examined(records, clock, "syn_1")
    records.deletions.delete_dataset("ds_1", DELETE, cascade=False)
    ingested(records, clock, "ds_2", [2, 9])
    assert records.releases.releases("ds_2") == [made]
    with pytest.raises(errors.ReleasesChanged, match="syn_1"):
        examined(records, clock, "syn_2", dataset_id="ds_2", model_id="mdl_2", after=[])


def test_whom_a_deleted_dataset_held_is_forgotten_where_no_set_of_it_was_examined(
    records: Records, clock: ManualClock
) -> None:
    ingested(records, clock, "ds_1", [1])
    records.deletions.delete_dataset("ds_1", DELETE, cascade=False)
    examined(records, clock, "syn_1")  # of an identifier that will never be given again
    ingested(records, clock, "ds_2", [1])
    assert records.releases.releases("ds_2") == []


def test_every_examined_set_of_a_model_is_numbered_and_kept_with_its_tally(
    records: Records, clock: ManualClock
) -> None:
    outcomes = ["refused", "inconclusive", "passed"]
    for number, outcome in enumerate(outcomes, 1):
        examined(records, clock, f"syn_{number}", outcome)
    examined(records, clock, "syn_other", model_id="mdl_2")
    for number in (1, 2, 3):
        records.releases.delete_synthetic_set(f"syn_{number}")
    for job in records.jobs.jobs(limit=200).items:
        records.jobs.delete_job(job.id)
    found = records.releases.examined_sets("mdl_1")
    assert [(each.number, each.verdict.outcome) for each in found] == [
        *enumerate(outcomes, 1),
    ]
    assert [each.tally for each in found] == [
        {"num_drawn": 256, "of": f"syn_{number}"} for number in (1, 2, 3)
    ]
    assert [each.refused for each in found] == [True, False, False]
    with pytest.raises(errors.SyntheticSetNotFound):
        records.releases.synthetic_set("syn_1")


def test_a_model_with_the_same_weights_starts_no_new_count(
    records: Records, clock: ManualClock
) -> None:
    for number, digest in enumerate(["a", "a", "b"], 1):
        job = claimed(records, make_job(clock, JobKind.TRAIN))
        model = replace(make_model(job, clock), id=f"mdl_{number}")
        snapshot = replace(model.snapshot, sha256=64 * digest)
        records.jobs.succeed(job.claim_held, TrainedModel(replace(model, snapshot=snapshot)))
    examined(records, clock, "syn_1", "refused", model_id="mdl_1")
    examined(records, clock, "syn_2", model_id="mdl_2")
    numbered = [(each.id, each.number) for each in records.releases.examined_sets("mdl_2")]
    assert numbered == [("syn_1", 1), ("syn_2", 2)]
    assert records.releases.examined_sets("mdl_1") == records.releases.examined_sets("mdl_2")
    assert records.releases.examined_sets("mdl_3") == []


def started(records: Records, clock: ManualClock, name: str, origin: str, *public: Any) -> None:
    """Train a model that starts from another."""
    job = claimed(records, make_job(clock, JobKind.TRAIN))
    model = replace(make_model(job, clock), id=name)
    start = WarmStart(origin, "b" * 64, public, (), (), (), (), 1.0) if origin else None
    snapshot = replace(model.snapshot, sha256=f"{name:0>64}")
    model = replace(model, snapshot=snapshot, card=replace(model.card, warm_start=start))
    records.jobs.succeed(job.claim_held, TrainedModel(model))


def test_models_that_started_from_one_another_are_counted_together(
    records: Records, clock: ManualClock
) -> None:
    started(records, clock, "mdl_1", "")
    started(records, clock, "mdl_2", "mdl_1")
    records.deletions.delete_model("mdl_1", DELETE, cascade=False)
    started(records, clock, "mdl_3", "mdl_2")
    started(records, clock, "mdl_4", "base:vae-64", PHANTOMS)
    started(records, clock, "mdl_5", "mdl_4", PHANTOMS)
    for number in (2, 3, 4, 5):
        examined(records, clock, f"syn_{number}", "refused", model_id=f"mdl_{number}")
    numbered = [(each.id, each.number) for each in records.releases.examined_line("mdl_3")]
    assert numbered == [("syn_2", 1), ("syn_3", 2)]
    assert records.releases.examined_line("mdl_2") == records.releases.examined_line("mdl_3")
    assert [each.id for each in records.releases.examined_sets("mdl_3")] == ["syn_3"]
    for name in ("4", "5"):  # what is public starts no line
        assert [e.id for e in records.releases.examined_line(f"mdl_{name}")] == [f"syn_{name}"]
    with pytest.raises(errors.ReleasesChanged, match="syn_3"):
        examined(records, clock, "syn_6", model_id="mdl_2", after=["syn_2"])


def test_a_line_goes_on_in_a_model_with_the_same_weights(
    records: Records, clock: ManualClock
) -> None:
    for name in ("mdl_1", "mdl_2"):
        job = claimed(records, make_job(clock, JobKind.TRAIN))
        model = replace(make_model(job, clock), id=name)
        records.jobs.succeed(job.claim_held, TrainedModel(model))
    started(records, clock, "mdl_3", "mdl_2")
    examined(records, clock, "syn_1", model_id="mdl_1")
    examined(records, clock, "syn_3", model_id="mdl_3")
    for name in ("mdl_1", "mdl_2", "mdl_3"):
        assert [e.id for e in records.releases.examined_line(name)] == ["syn_1", "syn_3"]


def test_a_set_made_once_more_keeps_its_number_and_is_examined_after_the_same_sets(
    records: Records, clock: ManualClock
) -> None:
    for number in (1, 2, 3):
        examined(records, clock, f"syn_{number}", "refused")
    first_time = records.releases.examined_sets("mdl_1")
    records.releases.delete_synthetic_set("syn_2")
    examined(records, clock, "syn_2", "refused", after=["syn_1"])
    assert records.releases.examined_sets("mdl_1") == first_time


def test_a_set_is_refused_for_good_though_it_passes_when_it_is_made_once_more(
    records: Records, clock: ManualClock
) -> None:
    examined(records, clock, "syn_1", "refused")
    records.releases.delete_synthetic_set("syn_1")
    examined(records, clock, "syn_1", "passed")
    [found] = records.releases.examined_sets("mdl_1")
    assert (found.refused, found.released) == (True, True)
    assert [each.id for each in records.releases.releases("ds_1")] == ["syn_1"]


def test_a_set_whose_job_was_cancelled_was_not_examined(
    records: Records, clock: ManualClock
) -> None:
    job = claimed(records, make_job(clock, JobKind.GENERATE))
    records.jobs.request_cancel(job.id)
    records.jobs.succeed(job.claim_held, GeneratedSet(make_set(job, clock)))
    assert records.releases.examined_sets("mdl_1") == []


def test_so_many_sets_of_a_model_are_examined_and_a_known_one_once_more(
    records: Records, clock: ManualClock
) -> None:
    for number in (1, 2):
        examined(records, clock, f"syn_{number}", "refused")
        records.releases.delete_synthetic_set(f"syn_{number}")
    known = records.releases.examined_sets("mdl_1")
    check_examinations("mdl_1", examination_number("syn_2", known), max_sets=2)
    with pytest.raises(errors.ExaminationsSpent, match="mdl_1"):
        check_examinations("mdl_1", examination_number("syn_3", known), max_sets=2)


@pytest.mark.parametrize("outcome", ["passed", "refused"])
def test_of_two_sets_examined_at_once_the_second_is_examined_again(
    records: Records, clock: ManualClock, outcome: Outcome
) -> None:
    """Of one model, whatever was found of the first."""
    examined(records, clock, "syn_1", outcome)
    with pytest.raises(errors.ReleasesChanged, match="syn_1"):
        examined(records, clock, "syn_2", after=[])
    [job] = records.jobs.jobs(state=JobState.RUNNING).items
    assert [each.id for each in records.releases.synthetic_sets().items] == ["syn_1"]
    made = make_set(job, clock, "syn_2", "passed")
    records.jobs.succeed(job.claim_held, GeneratedSet(made, examined_after=["syn_1"]))
    assert [each.number for each in records.releases.examined_sets("mdl_1")] == [1, 2]


def test_of_another_model_only_releases_count(records: Records, clock: ManualClock) -> None:
    examined(records, clock, "syn_1", "refused")
    examined(records, clock, "syn_2", "passed", model_id="mdl_2", after=[])
    with pytest.raises(errors.ReleasesChanged, match="syn_2"):
        examined(records, clock, "syn_3", model_id="mdl_3", after=[])


def test_a_released_set_is_withdrawn_where_another_is_removed(
    records: Records, clock: ManualClock
) -> None:
    made = examined(records, clock, "syn_1")
    assert records.releases.delete_synthetic_set("syn_1") == replace(made, withdrawn=True)
    for gone in (records.releases.synthetic_set, records.releases.delete_synthetic_set):
        with pytest.raises(errors.SyntheticSetNotFound):
            gone("syn_1")
    assert records.releases.synthetic_sets().items == []
    assert [each.id for each in records.releases.releases("ds_1")] == ["syn_1"]
    assert "synthetic-sets/syn_1-0" in records.catalog.referenced_artifacts()
    again = examined(records, clock, "syn_1")
    assert records.releases.synthetic_set("syn_1") == again


def test_a_release_stays_one_though_it_would_not_pass_beside_later_ones(
    records: Records, clock: ManualClock
) -> None:
    made = examined(records, clock, "syn_1")
    records.releases.delete_synthetic_set("syn_1")
    examined(records, clock, "syn_1", "refused")
    assert records.releases.synthetic_set("syn_1") == made
    assert records.releases.releases("ds_1") == [made]
    [found] = records.releases.examined_sets("mdl_1")
    assert (found.refused, found.released) == (True, True)


def test_findings_that_were_read_count_though_their_set_is_deleted(
    records: Records, clock: ManualClock
) -> None:
    for number in range(2):
        examined(records, clock, f"syn_{number}", "inconclusive")
    records.releases.read_findings("syn_0", max_sets=1)
    assert records.releases.delete_synthetic_set("syn_0").withdrawn
    with pytest.raises(errors.FindingsSpent):
        records.releases.read_findings("syn_1", max_sets=1)


def test_the_findings_of_so_many_sets_of_a_model_can_be_read(
    records: Records, clock: ManualClock
) -> None:
    for number in range(3):
        examined(records, clock, f"syn_{number}", "inconclusive")
    for number in (0, 1, 0):
        records.releases.read_findings(f"syn_{number}", max_sets=2)
    with pytest.raises(errors.FindingsSpent):
        records.releases.read_findings("syn_2", max_sets=2)


def test_the_newest_dataset_that_was_split_is_found(records: Records, clock: ManualClock) -> None:
    assert records.catalog.newest_split_dataset() is None
    for number, version in enumerate(["a" * 64, "b" * 64, None], 1):
        clock.advance(1)
        job = make_job(clock, JobKind.INGEST, dataset_id=f"ds_{number}")
        records.jobs.submit(job, dataset=replace(make_dataset(job, clock), version=version))
    found = records.catalog.newest_split_dataset()
    assert found is not None
    assert (found.id, found.version) == ("ds_2", "b" * 64)


def test_private_models_are_found_by_the_version_of_their_dataset(
    records: Records, clock: ManualClock
) -> None:
    account = privacy_account()
    cards = [("a", account), ("a", None), ("b", account), ("a", account)]
    for number, (version, private) in enumerate(cards, 1):
        clock.advance(1)
        job = claimed(records, make_job(clock, JobKind.TRAIN))
        card = model_card(dataset_version=version, differential_privacy=private)
        model = replace(make_model(job, clock), id=f"mdl_{number}", card=card)
        records.jobs.succeed(job.claim_held, TrainedModel(model))
    found = records.catalog.private_models("a")
    assert [each.id for each in found] == ["mdl_1", "mdl_4"]
    assert found[0].card.differential_privacy == account
    assert list(records.catalog.private_models("c")) == []


def test_every_kind_of_request_reads_back_as_it_was_written(
    records: Records, clock: ManualClock
) -> None:
    terms = PrivacyTerms(3.0, None, 1.0, "mixture")
    for request in (
        ingest_request(source=DatasetSource(upload="job_1.zip"), image_size=None),
        train_request(privacy=Privacy(terms), config={"a": None, "b": [1, {"c": 0.5}]}),
        generate_request(
            mixtures=(Mixture({"normal": 0.6, "effusion": 0.4}, 3),),
            interpolate=(Interpolation(1, 2, 4, label="normal"),),
            extractors={"inception": ExtractorIdentity("inception_v3", "0" * 64)},
        ),
    ):
        [kind] = [kind for kind, make in REQUESTS.items() if type(make()) is type(request)]
        job = replace(make_job(clock, kind), request=request)
        records.jobs.submit(job)
        assert records.jobs.job(job.id).request == request


def api_key(clock: ManualClock, secret: str, **changes: Any) -> ApiKey:
    key = ApiKey(
        id=new_id("key"),
        name="of a test",
        tenant="default",
        scopes=("train", "private:read"),
        created_at=clock.now(),
        created_by="somebody",
        shown="synthcxr_abcdef",
        secret_sha256=digest_of(secret),
        expires_at=clock.now() + timedelta(days=1),
    )
    return replace(key, **changes)


def test_a_key_is_found_as_it_was_written(records: Records, clock: ManualClock) -> None:
    key = api_key(clock, "secret")
    records.api_keys.add(key)
    assert records.api_keys.key("default", key.id) == key
    assert records.api_keys.by_secret(digest_of("secret")) == key
    assert records.api_keys.by_secret(digest_of("another")) is None


def test_a_rotated_key_is_found_by_both_its_secrets(records: Records, clock: ManualClock) -> None:
    key = api_key(clock, "old")
    records.api_keys.add(key)
    hour = timedelta(hours=1)
    rotated = records.api_keys.change(
        "default", key.id, lambda each: each.rotated("new", clock.now(), hour)
    )
    assert rotated.earlier_expires_at == clock.now() + hour
    for secret in ("old", "new"):
        assert records.api_keys.by_secret(digest_of(secret)) == rotated


def test_a_change_that_fails_changes_nothing(records: Records, clock: ManualClock) -> None:
    key = api_key(clock, "secret").revoked(clock.now())
    records.api_keys.add(key)
    with pytest.raises(errors.ApiKeyEnded):
        records.api_keys.change(
            "default", key.id, lambda each: each.rotated("new", clock.now(), timedelta())
        )
    assert records.api_keys.key("default", key.id) == key


def test_the_keys_of_a_tenant_are_unknown_to_another(records: Records, clock: ManualClock) -> None:
    key = api_key(clock, "secret", tenant="theirs")
    records.api_keys.add(key)
    assert records.api_keys.keys("ours").items == []
    for call in (
        lambda: records.api_keys.key("ours", key.id),
        lambda: records.api_keys.change("ours", key.id, lambda each: each.revoked(clock.now())),
    ):
        with pytest.raises(errors.ApiKeyNotFound):
            call()
    assert records.api_keys.key("theirs", key.id) == key


def test_keys_are_listed_newest_first_in_pages(records: Records, clock: ManualClock) -> None:
    keys = []
    for number in range(3):
        clock.advance(1)
        keys.append(api_key(clock, f"secret {number}"))
        records.api_keys.add(keys[-1])
    first = records.api_keys.keys("default", limit=2)
    rest = records.api_keys.keys("default", cursor=first.next_cursor, limit=2)
    assert [*first.items, *rest.items] == keys[::-1]
    assert rest.next_cursor is None


def test_the_use_of_a_key_is_noted_once_a_minute(records: Records, clock: ManualClock) -> None:
    key = api_key(clock, "secret")
    records.api_keys.add(key)
    began = clock.now()
    for seconds, noted in ((0, 0), (59, 0), (1, 60), (30, 60)):
        clock.advance(seconds)
        records.api_keys.note_use(key.id)
        used = records.api_keys.key("default", key.id).last_used_at
        assert used == began + timedelta(seconds=noted)
    records.api_keys.note_use("key_that_is_gone")


def test_what_was_counted_outlives_what_it_was_counted_from(
    records: Records, clock: ManualClock
) -> None:
    """Seconds of every attempt, lost leases, errors and verdicts, also once the job is deleted."""
    lost = make_job(clock)
    records.jobs.submit(lost)
    records.jobs.claim(lost.id, worker="a", lease_seconds=30)
    clock.advance(40)
    records.jobs.expire_leases()
    held = records.jobs.claim(lost.id, worker="b", lease_seconds=30)
    assert held
    clock.advance(5)
    records.jobs.fail(held.claim_held, PROBLEM)
    records.jobs.delete_job(lost.id)

    drawn = make_job(clock, JobKind.GENERATE)
    records.jobs.submit(drawn)
    held = records.jobs.claim(drawn.id, worker="a", lease_seconds=30)
    assert held
    clock.advance(2)
    made = make_set(drawn, clock, verdict=Verdict("refused", code="memorises"))
    records.jobs.succeed(held.claim_held, GeneratedSet(made))

    found = records.statistics.read()
    assert found.counts == {
        ("leases_lost", "train"): 1,
        ("worker_seconds", "train"): 45,
        ("failures", "train", "broken"): 1,
        ("worker_seconds", "generate"): 2,
        ("verdicts", "refused", "memorises"): 1,
    }
    assert found.jobs == {("gpu.generate", "succeeded"): 1}
    assert found.records == {"datasets": 0, "models": 0, "synthetic_sets": 1}


def test_a_queue_is_as_old_as_the_job_that_waits_longest(
    records: Records, clock: ManualClock
) -> None:
    """A retried job waits from its retry, not from its submission."""
    for age in (100, 10):
        job = make_job(clock)
        records.jobs.submit(job)
        if age == 100:
            records.jobs.request_cancel(job.id)
            clock.advance(90)
            records.jobs.retry(job.id)
    clock.advance(10)
    found = records.statistics.read()
    assert found.oldest_queued_seconds == {"gpu.train": 10}
    assert found.jobs == {("gpu.train", "queued"): 2}
