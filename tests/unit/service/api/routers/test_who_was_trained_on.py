"""How a dataset was split discloses who was trained on: for the scope private:read alone."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from radiographs.errors import IngestRefused
from service.adapters.listed_files import write_dropped
from service.domain.caller import PRIVATE_READ, Caller
from service.domain.json_form import as_json
from service.domain.records import ArtifactRef, ClassSplit, DroppedFile
from tests.sample_records import model_card
from workers.runtime.error_mapping import problem_of

SPLITS = ("train", "included", "holdout", "test")
SPLIT = ClassSplit(5000, 4801, included=4802, holdout=4803, test=4804)
SUMMARY = {
    "num_exact_duplicates": 2,
    "num_near_duplicates": 4806,
    "num_known_images": 4807,
    "num_split_conflicts": 4808,
    "num_upsampled": 3,
    "has_patient_ids": True,
}
PRIVATE = (
    *(f"480{last}" for last in (1, 2, 3, 4, 6, 7, 8)),
    "num_near_duplicates",
    "num_known_images",
    "num_split_conflicts",
    "DOE^JANE",
    "f" * 64,
)


def allow(scene: Any) -> None:
    scene.app.state.context = replace(scene.context, caller=Caller.without_key(PRIVATE_READ))


@pytest.fixture
def dataset(scene: Any) -> Any:
    dropped = (DroppedFile("DOE^JANE.png", "The file ends early.", "truncated"),)
    staged = scene.context.artifacts.staging("job_1-1")
    write_dropped(staged, dropped)
    scene.context.artifacts.publish(staged, "datasets/x")
    return scene.dataset(
        classes={"normal": SPLIT, "effusion": SPLIT},
        dropped=dropped,
        artifact=ArtifactRef("datasets/x", "0", 1),
        summary=SUMMARY,
    )


def bodies(scene: Any, dataset: Any) -> Iterator[str]:
    stream = {"Accept": "text/event-stream"}
    yield scene.client.get("/datasets").text
    yield scene.client.get(f"/datasets/{dataset.id}").text
    yield scene.client.get("/jobs").text
    yield scene.client.get(f"/jobs/{dataset.job_id}").text
    yield scene.client.get(f"/jobs/{dataset.job_id}/events").text
    yield scene.client.get(f"/jobs/{dataset.job_id}/events", headers=stream).text


def test_a_dataset_and_its_ingest_do_not_disclose_its_split(scene: Any, dataset: Any) -> None:
    for body in bodies(scene, dataset):
        assert dataset.id in body
        assert [secret for secret in PRIVATE if secret in body] == []
    shown = scene.client.get(f"/datasets/{dataset.id}").json()
    assert shown["classes"]["normal"] == {"images": 5000} | dict.fromkeys(SPLITS)
    assert shown["fingerprint"] is None
    assert shown["dropped"] == [
        {"file": None, "reason": "The file ends early.", "code": "truncated"}
    ]
    assert shown["summary"] == {
        "num_exact_duplicates": 2,
        "num_upsampled": 3,
        "has_patient_ids": True,
    }
    assert scene.client.get("/datasets").json()["items"] == [shown]
    page = scene.client.get(f"/datasets/{dataset.id}/dropped").json()
    assert page == {"items": shown["dropped"], "next_cursor": None}


def test_a_caller_with_the_scope_sees_all_of_it(scene: Any, dataset: Any) -> None:
    allow(scene)
    shown = scene.client.get(f"/datasets/{dataset.id}").json()
    assert [secret for secret in PRIVATE if secret not in json.dumps(shown)] == []
    assert shown["summary"] == SUMMARY
    page = scene.client.get(f"/datasets/{dataset.id}/dropped").json()
    assert page["items"][0]["file"] == "DOE^JANE.png"
    assert scene.client.get("/datasets").json()["items"] == [shown]


def test_a_model_s_card_does_not_disclose_how_many_images_it_learned_from(scene: Any) -> None:
    private = {"num_training_images": 4801, "dataset_fingerprint": "f" * 64}
    model = scene.model(card=model_card(**private))
    shown = scene.client.get(f"/models/{model.id}").json()
    assert shown["card"] == as_json(model_card())
    assert scene.client.get("/models").json()["items"] == [shown]
    allow(scene)
    assert scene.client.get(f"/models/{model.id}").json()["card"] == as_json(model_card()) | private


def test_an_ingest_that_was_refused_names_files_to_who_may_read_what_is_private(
    scene: Any,
) -> None:
    phantom = {"class_counts": {"normal": 8, "effusion": 8}, "image_size": 64}
    job_id = scene.client.post("/datasets", json={"phantom": phantom}).json()["id"]
    refused = IngestRefused("too_many_bad_files", "3 of 40.", ["DOE^JANE.png: It ends early."])
    scene.records.jobs.fail(scene.claimed(job_id).claim_held, problem_of(refused, job_id))
    for path in ("/jobs", f"/jobs/{job_id}", f"/jobs/{job_id}/events"):
        body = scene.client.get(path).text
        assert "too_many_bad_files" in body
        assert "DOE^JANE" not in body
    allow(scene)
    named = scene.client.get(f"/jobs/{job_id}").json()["error"]["errors"]
    assert named == [{"pointer": "/file", "detail": "DOE^JANE.png: It ends early."}]


def test_a_delta_is_held_against_all_images_not_those_of_the_training(scene: Any) -> None:
    classes = {
        "normal": ClassSplit(2000, 1400, test=600),
        "effusion": ClassSplit(2000, 1400, test=600),
    }
    dataset = scene.dataset(classes=classes)
    terms = {"epsilon": 3, "delta": 0.0003}  # below 1 / 2,800, above 1 / 4,000
    asked = {
        "dataset_id": dataset.id,
        "family": "vae",
        "budget": {"images": 1000},
        "privacy": {"differential_privacy": terms},
    }
    answer = scene.client.post("/train", json=asked)
    scene.refused(answer, 422, "privacy_unavailable", "/privacy/differential_privacy/delta")
    assert "2,800" not in answer.text
