"""Datasets from a PACS and released sets to one: real database, real files, a fake server."""

import threading
from dataclasses import replace

import pytest

from release.gate.verdict import Verdict
from service.adapters.listed_files import dropped_files
from service.domain import access
from service.domain.caller import PRIVATE_READ
from service.domain.job import JobState
from service.domain.records import DatasetState
from service.settings import DicomwebServerSettings
from tests.fake_pacs import FakePacs, json_of, radiograph, related, sequence, serving
from tests.integration.dicomweb_jobs import COUNTS, FILES, QUERIES, a_set, ask, left_of, pushed
from tests.integration.jobs import finished
from workers.dicomweb import connection
from workers.runtime.stop_request import StopRequest


@pytest.fixture
def pacs(monkeypatch):
    monkeypatch.setattr(connection, "PAUSES_SECONDS", (0.0, 0.0))
    with serving(FakePacs()) as pacs:
        for label, count in COUNTS.items():
            pacs.hold(*(radiograph(index, label) for index in range(count)))
        yield pacs


@pytest.fixture
def context(context, pacs):
    """A worker that knows the server by two names."""
    servers = {
        "pacs": DicomwebServerSettings(url=pacs.url, allow={"read", "push"}),
        "read-only": DicomwebServerSettings(url=pacs.url),
        "others": DicomwebServerSettings(url=pacs.url, tenants={"another"}),
    }
    return replace(
        context, settings=context.settings.model_copy(update={"dicomweb_servers": servers})
    )


def test_a_dataset_is_fetched_by_label_and_nothing_else_of_it_is_kept(context, pacs):
    pacs.hold(radiograph(0, "normal", SOPInstanceUID="1.2.3.2.0.9", PatientID="P-normal-1"))
    job = finished(context, ask(context))
    assert job.state is JobState.SUCCEEDED, job.error
    dataset = context.records.catalog.dataset(job.result.dataset_id)
    assert dataset.state is DatasetState.READY
    counts = {label: split.images for label, split in dataset.classes.items()}
    assert counts == COUNTS | {"normal": 25}
    assert dataset.summary["has_patient_ids"]
    assert left_of(context, job.id) == []
    assert context.artifacts.size_of_work(job.id).num_files == 0
    assert not any(b"CANARY" in path.read_bytes() for path in files_in(context))


def files_in(context):
    return [path for path in context.settings.data_dir.rglob("*") if path.is_file()]


def test_while_they_are_fetched_images_are_for_the_service_alone(context, pacs):
    modes = set()

    def look(path, query):
        for each in context.artifacts.path("checkpoints").rglob("*"):
            modes.add((each.name == "fetched", each.is_file(), each.stat().st_mode & 0o777))

    pacs.instead = look
    finished(context, ask(context))
    assert {mode for is_folder, _, mode in modes if is_folder} == {0o700}
    assert {mode for _, is_file, mode in modes if is_file} == {0o600}


def test_a_job_that_is_stopped_goes_on_with_what_it_fetched(context, pacs):
    stop, ended = StopRequest(), threading.Event()

    def stop_in_the_middle(path, query):
        if pacs.num_fetched() > 20:
            stop.make()
            ended.wait()

    pacs.instead = stop_in_the_middle
    job_id = ask(context)
    assert finished(replace(context, stop=stop), job_id).state is JobState.QUEUED
    kept = [name for name in left_of(context, job_id) if name.endswith(".dcm")]
    assert len(kept) == 20
    ended.set()
    pacs.instead = lambda *_: None
    pacs.asked.clear()
    job = finished(context, job_id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert pacs.num_fetched() == len(pacs.asked) == sum(COUNTS.values()) - 20


def test_a_cancelled_job_does_not_wait_for_the_server(context, pacs):
    """Its answer comes only after the job has ended."""
    ended, asked = threading.Event(), threading.Event()

    def hang(path, query):
        asked.set()
        ended.wait()

    pacs.instead = hang
    job_id = ask(context)
    canceller = threading.Thread(
        target=lambda: asked.wait() and context.records.jobs.request_cancel(job_id)
    )
    canceller.start()
    try:
        job = finished(context, job_id)
    finally:
        ended.set()
        canceller.join()
    assert job.state is JobState.CANCELLED
    assert left_of(context, job_id) == []


@pytest.mark.parametrize("changes", [{}, {"SOPInstanceUID": "1.2.3.2.1.3"}])
def test_another_patient_s_image_than_asked_for_refuses_the_whole(context, pacs, changes):
    """Whether all of it is another's, or only its study."""
    wrong = related(radiograph(2, "normal", **changes))
    pacs.instead = lambda path, _: wrong if path.endswith("1.2.3.2.1.3") else None
    job = finished(context, ask(context))
    assert (job.state, job.error.code) == (JobState.FAILED, "dicomweb_other_instance")
    assert left_of(context, job.id) == []


def test_an_image_that_the_server_does_not_give_is_left_out_by_its_reason(context, pacs):
    pacs.instead = lambda path, _: (404, {}, b"") if path.endswith("1.2.3.2.7.3") else None
    job = finished(context, ask(context))
    assert job.state is JobState.SUCCEEDED, job.error
    dataset = context.records.catalog.dataset(job.result.dataset_id)
    assert dataset.dropped_counts == {"missing": 1}
    [dropped] = dropped_files(context.artifacts, dataset, None, 50).items
    assert dropped.file == "1.2.3.2.7.3"
    assert "404" in dropped.reason


def test_an_ingest_stops_as_soon_as_too_many_images_are_surely_not_given(context, pacs):
    pacs.instead = lambda path, _: (404, {}, b"") if "/series/" in path else None
    job = finished(context, ask(context))
    assert (job.state, job.error.code) == (JobState.FAILED, "dicomweb_answer_invalid")
    assert pacs.num_fetched() < 10
    assert left_of(context, job.id) == []


def test_a_server_that_goes_down_fails_the_job_which_a_retry_continues(context, pacs):
    pacs.instead = lambda *_: (503, {}, b"") if pacs.num_fetched() > 20 else None
    job_id = ask(context)
    job = finished(context, job_id)
    assert (job.state, job.error.code) == (JobState.FAILED, "dicomweb_unreachable")
    assert job.error.retryable
    kept = [name for name in left_of(context, job_id) if name.endswith(".dcm")]
    assert len(kept) == 20
    pacs.instead = lambda *_: None
    pacs.asked.clear()
    context.records.jobs.retry(job_id)
    job = finished(context, job_id)
    assert job.state is JobState.SUCCEEDED, job.error
    assert pacs.num_fetched() == sum(COUNTS.values()) - 20
    assert left_of(context, job_id) == []


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"server": "unknown"}, "dicomweb_server_unknown"),
        ({"server": "others"}, "dicomweb_server_unknown"),
        ({"max_instances": 30}, "dicomweb_too_much"),
        ({"queries": [*QUERIES, {"label": "x", "modality": ["CR"]}]}, "dicomweb_nothing_found"),
        ({"queries": [*QUERIES, {"label": "x", "modality": ["DX"]}]}, "dicomweb_labels_conflict"),
        ({"queries": [QUERIES[0]]}, "single_class"),
        (
            {"queries": [QUERIES[0] | {"attributes": {"Diagnosys": "x"}}]},
            "invalid_request",
        ),
    ],
)
def test_what_cannot_become_a_dataset_is_named(context, asked, code):
    job = finished(context, ask(context, **asked))
    assert (job.state, job.error.code) == (JobState.FAILED, code)
    assert left_of(context, job.id) == []
    assert "CANARY" not in job.error.detail


def test_a_dataset_has_a_largest_size(context):
    small = context.settings.model_copy(update={"dicomweb_max_bytes": 50_000})
    job = finished(replace(context, settings=small), ask(context))
    assert (job.state, job.error.code) == (JobState.FAILED, "dicomweb_too_much")


def test_a_query_s_identifiers_are_shown_to_those_who_may_see_private_data(context):
    queries = [QUERIES[0] | {"accession_numbers": ["A-normal-1"]}]
    job = context.records.jobs.job(ask(context, queries))
    assert "A-normal-1" not in str(access.job((), job))
    assert "StudyDescription" not in str(access.job((), job))
    assert "A-normal-1" in str(access.job((PRIVATE_READ,), job))


@pytest.fixture
def released(context):
    """A released set with DICOM files, as a generation records it."""
    return a_set(context, Verdict("passed"))


def test_a_released_set_is_sent_whole_and_twice_changes_nothing(context, pacs, released):
    num_before = len(pacs.files)
    for _ in range(2):
        job = pushed(context, released)
        assert job.state is JobState.SUCCEEDED, job.error
        assert job.result.synthetic_set_id == released.id
        assert len(pacs.files) == num_before + len(FILES)
        assert set(FILES.values()) <= set(pacs.files.values())
        assert (job.progress.images_seen, job.progress.total_images) == (60, 60)


def test_the_audit_log_says_where_a_set_was_sent(context, released):
    pushed(context, released)
    entries = context.records.audit.entries("default").items
    [entry] = [each for each in entries if each.action == "push_set"]
    assert (entry.target, entry.outcome) == (released.id, "stored(pacs)")
    assert entry.actor.startswith("worker ")


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict("refused", "memorises"), "set_refused"),
        (Verdict("inconclusive", "controls"), "set_inconclusive"),
        (Verdict("inconclusive", "power"), "set_inconclusive"),
    ],
)
def test_a_set_that_was_not_released_is_not_sent(context, pacs, verdict, code):
    job = pushed(context, a_set(context, verdict))
    assert (job.state, job.error.code) == (JobState.FAILED, code)
    assert not pacs.asked


def test_a_set_that_is_withdrawn_before_its_turn_is_not_sent(context, pacs, released):
    context.records.releases.delete_synthetic_set(released.id)
    job = pushed(context, released)
    assert job.error.code == "synthetic_set_not_found"
    assert not pacs.asked


def test_an_archive_that_is_not_the_released_one_is_not_sent(context, pacs, released):
    path = context.artifacts.path(released.zip.key)
    path.write_bytes(path.read_bytes() + b"\0")
    assert pushed(context, released).error.code == "artifact_missing"
    path.unlink()
    assert pushed(context, released).error.code == "artifact_missing"
    assert not pacs.asked


@pytest.mark.parametrize(
    ("server", "code"),
    [
        ("read-only", "dicomweb_not_allowed"),
        ("others", "dicomweb_server_unknown"),
        ("unknown", "dicomweb_server_unknown"),
    ],
)
def test_a_set_goes_only_where_the_operator_allows(context, pacs, released, server, code):
    assert pushed(context, released, server).error.code == code
    assert not pacs.asked


def test_a_set_that_the_server_does_not_store_is_not_sent(context, pacs, released):
    failed = {"00081198": sequence(["1.2.3.2.100.3"], FailureReason=42752)}
    pacs.instead = lambda *_: (409, *json_of(failed))
    assert pushed(context, released).error.code == "dicomweb_store_refused"
    assert not any(
        each.action == "push_set" for each in context.records.audit.entries("default").items
    )
