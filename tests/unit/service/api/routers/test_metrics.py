from dataclasses import replace
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from service.domain.errors import RecordsUnavailable, StorageFull
from tests.unit.service.conftest import PHANTOM, Scene

CANARY = "Canary^Patient"


def scraped(scene: Scene) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what a scrape shows: name, values in the order of the labels' names, value."""
    answer = scene.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_jobs_are_counted_by_kind_and_state(scene: Scene) -> None:
    scene.client.post("/datasets", json={"phantom": PHANTOM})
    scene.dataset()
    jobs = scraped(scene)["synthcxr_jobs"]
    assert jobs["ingest", "queued"] == 1
    assert jobs["ingest", "succeeded"] == 1
    assert jobs["train", "running"] == 0


def test_the_records_of_each_type_are_counted(scene: Scene) -> None:
    scene.model()
    assert scraped(scene)["synthcxr_records"] == {
        ("datasets",): 1,
        ("models",): 1,
        ("synthetic_sets",): 0,
    }


def test_a_lost_lease_and_a_failure_stay_counted_when_their_job_is_deleted(scene: Scene) -> None:
    job_id = scene.client.post("/datasets", json={"phantom": PHANTOM}).json()["id"]
    lost = scene.claimed(job_id)
    scene.records.jobs.give_up(lost.claim_held, "its process ended")
    failed = scene.claimed(job_id)
    scene.records.jobs.fail(failed.claim_held, StorageFull("The disk is full.").problem())
    assert scene.client.delete(f"/jobs/{job_id}").status_code == 204
    found = scraped(scene)
    assert found["synthcxr_leases_lost_total"] == {("ingest",): 1}
    assert found["synthcxr_job_failures_total"] == {("storage_full", "ingest"): 1}
    assert found["synthcxr_worker_seconds_total"]["ingest",] >= 0


def test_the_requests_of_this_process_are_counted_by_route_template(scene: Scene) -> None:
    scene.client.get("/jobs/job_one")
    scene.client.get("/jobs/job_two")
    found = scraped(scene)
    assert found["synthcxr_http_requests_total"]["GET", "/jobs/{job_id}", "404"] == 2
    assert found["synthcxr_http_response_start_seconds_count"]["GET", "/jobs/{job_id}"] == 2


@pytest.fixture
def without_database(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise RecordsUnavailable("The database cannot be reached.")

    monkeypatch.setattr(type(scene.records.statistics), "read", away)


@pytest.mark.usefixtures("without_database")
def test_a_database_that_is_away_is_a_metric_and_no_error(scene: Scene) -> None:
    found = scraped(scene)
    assert found["synthcxr_database_up"] == {(): 0}
    assert "synthcxr_jobs" not in found


def test_nothing_that_a_client_typed_becomes_a_label(scene: Scene) -> None:
    scene.client.post("/datasets", json={"name": CANARY, "phantom": PHANTOM})
    scene.client.get(f"/jobs/{CANARY}")
    scene.client.get(f"/{CANARY}?{CANARY}={CANARY}", headers={"x-request-id": "Canary"})
    scene.client.request("CANARY", "/jobs")
    dataset = scene.dataset(name=CANARY)
    scene.client.delete(f"/datasets/{dataset.id}")
    shown = scene.client.get("/metrics").text
    assert "canary" not in shown.lower()
    assert dataset.id not in shown


def test_a_queue_s_age_counts_from_the_retry_of_an_old_job(scene: Scene) -> None:
    old = scene.context.clock.now() - timedelta(days=7)
    job_id = scene.client.post("/datasets", json={"phantom": PHANTOM}).json()["id"]
    scene.store.jobs[job_id] = replace(scene.store.jobs[job_id], created_at=old)
    scene.client.post(f"/jobs/{job_id}/cancel")
    scene.client.post(f"/jobs/{job_id}/retry")
    waited = scraped(scene)["synthcxr_queue_oldest_seconds"]
    assert waited["cpu.ingest",] < 3600
    assert waited["gpu.train",] == 0
