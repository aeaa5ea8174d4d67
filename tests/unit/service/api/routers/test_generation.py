import threading
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from release.gate.verdict import Verdict
from service.api.routers.generation import preferred_wait_seconds
from service.domain.extractors import SuppliedExtractor
from service.domain.identifiers import synthetic_set_id
from service.domain.json_form import as_json
from service.domain.records import ArtifactRef, ClassSplit, GeneratedSet, SyntheticSet
from service.domain.requests import Interpolation, Mixture
from tests.sample_records import generate_request, model_card, privacy_account


def body(model_id: str, **changes: Any) -> dict[str, Any]:
    return {"model_id": model_id, "class_counts": {"normal": 2}, "seed": 1} | changes


def made_for(scene: Any, request: dict[str, Any]) -> SyntheticSet:
    identifier = request["synthetic_set_id"]
    return SyntheticSet(
        id=identifier,
        model_id=request["model_id"],
        job_id="job_1",
        num_images=2,
        class_counts=request["class_counts"],
        zip=ArtifactRef(f"synthetic-sets/{identifier}-0/set.zip", "0" * 64, 1),
        manifest=ArtifactRef(f"synthetic-sets/{identifier}-0/manifest.json", "1" * 64, 1),
        created_at=scene.context.clock.now(),
        dataset_id="ds_1",
        verdict=Verdict("refused", "memorises"),
        report=ArtifactRef(f"synthetic-sets/{identifier}-0/report.html", "2" * 64, 1),
        findings=ArtifactRef(f"synthetic-sets/{identifier}-0/findings.json", "3" * 64, 1),
    )


def test_a_request_is_queued_in_the_model_s_own_order_with_its_sampler(scene: Any) -> None:
    model = scene.model()
    counts = {"effusion": 1, "normal": 2}
    answer = scene.client.post("/generate", json=body(model.id, class_counts=counts))
    request = answer.json()["request"]
    assert answer.status_code == 202
    assert list(request["class_counts"].items()) == [("normal", 2), ("effusion", 1)]
    assert request["sampler"]["name"]
    assert request["format"] == "png"
    assert scene.queue.notified == [("gpu.generate", answer.json()["id"])]


MIXTURE = {"weights": {"effusion": 0.4, "normal": 0.6}, "count": 3}
WAY = {"label": "effusion", "from_seed": 1, "to_seed": 2, "steps": 4}


def test_mixtures_and_ways_between_images_are_asked_for_beside_classes_or_alone(scene: Any) -> None:
    model = scene.model()
    mixed_way = {**WAY, "weights": MIXTURE["weights"]}
    del mixed_way["label"]
    parts = {"mixtures": [MIXTURE], "interpolate": [WAY, mixed_way]}
    beside = scene.client.post("/generate", json=body(model.id, **parts)).json()["request"]
    alone = scene.client.post("/generate", json={"model_id": model.id, **parts}).json()["request"]
    assert (beside["class_counts"], alone["class_counts"]) == ({"normal": 2}, {})
    for request in (beside, alone):
        assert request["mixtures"] == [MIXTURE]
        assert list(request["mixtures"][0]["weights"]) == ["normal", "effusion"]
        assert request["interpolate"] == [WAY, mixed_way]


def examined_sets(scene: Any, model: Any, number: int) -> list[dict[str, Any]]:
    """Let some requests have been carried out; return their bodies."""
    bodies = [body(model.id, seed=seed) for seed in range(number)]
    for asked in bodies:
        request = scene.client.post("/generate", json=asked).json()["request"]
        made = made_for(scene, request)
        scene.synthetic_set(replace(made, dataset_id=model.dataset_id))
    return bodies


def test_so_many_sets_of_a_model_can_be_asked_for_and_each_of_them_again(scene: Any) -> None:
    """Refused and deleted ones count; another step or another guidance is another set."""
    model = scene.model()
    scene.app.state.context = replace(scene.context, max_examinations_per_model=2)
    asked, _ = examined_sets(scene, model, 2)
    for made in scene.records.releases.examined_sets(model.id):
        assert scene.client.delete(f"/synthetic-sets/{made.id}").status_code == 204
    assert scene.client.post("/generate", json=asked).status_code == 202
    answer = scene.client.post("/generate", json=body(model.id, seed=2))
    scene.refused(answer, 409, "examinations_spent")
    assert "SYNTHCXR_MAX_EXAMINATIONS_PER_MODEL" in answer.json()["detail"]
    same_weights = scene.model()
    answer = scene.client.post("/generate", json=body(same_weights.id, seed=2))
    scene.refused(answer, 409, "examinations_spent")
    other = scene.model(snapshot=replace(model.snapshot, sha256="9" * 64))
    assert scene.client.post("/generate", json=body(other.id)).status_code == 202


def test_one_way_needs_no_list(scene: Any) -> None:
    request = {"model_id": scene.model().id, "interpolate": WAY}
    answer = scene.client.post("/generate", json=request)
    assert answer.json()["request"]["interpolate"] == [WAY]


def test_a_set_is_another_with_a_mixture_and_the_same_without(scene: Any) -> None:
    plain = generate_request(class_counts={"normal": 1})
    way = Interpolation(1, 2, 4, label="effusion")
    requests = [
        plain,
        replace(plain, dataset_id="ds_9"),
        replace(plain, mixtures=(Mixture({"normal": 0.6, "effusion": 0.4}, 3),)),
        replace(plain, interpolate=(way,)),
    ]
    first, same, *others = (
        synthetic_set_id(request, snapshot_sha256="0", version="0") for request in requests
    )
    assert same == first
    assert len({first, *others}) == 3


def test_balance_levels_the_dataset(scene: Any) -> None:
    model = scene.model()
    request = {"model_id": model.id, "balance": True}
    answer = scene.client.post("/generate", json=request)
    assert answer.json()["request"]["class_counts"] == {"effusion": 4}


def test_a_model_whose_dataset_is_gone_draws_no_more(scene: Any) -> None:
    model = scene.model()
    scene.client.delete(f"/datasets/{model.dataset_id}")
    request = {"model_id": model.id, "class_counts": {"normal": 1}}
    scene.refused(scene.client.post("/generate", json=request), 409, "dataset_gone")


def test_a_dataset_that_is_level_cannot_be_balanced(scene: Any) -> None:
    model = scene.model()
    request = {"model_id": model.id, "balance": True}
    dataset = scene.records.catalog.dataset(model.dataset_id)
    level = {label: ClassSplit(5, 4, holdout=1) for label in dataset.classes}
    scene.store.datasets[dataset.id] = replace(dataset, classes=level)
    scene.refused(
        scene.client.post("/generate", json=request), 422, "invalid_class_counts", "/balance"
    )


def mixed(**weights: float) -> dict[str, Any]:
    return {"weights": weights, "count": 1}


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"class_counts": {"covid": 1}}, "unknown_class", "/class_counts/covid"),
        ({"class_counts": {"a/b~c": 1}}, "unknown_class", "/class_counts/a~1b~0c"),
        ({"class_counts": {"normal": 0}}, "invalid_class_counts", "/class_counts/normal"),
        ({"class_counts": {"normal": -1}}, "invalid_class_counts", "/class_counts/normal"),
        ({"class_counts": {"normal": 50_001}}, "invalid_class_counts", "/class_counts"),
        (
            {"class_counts": {"normal": 50_000, "effusion": 1}},
            "invalid_class_counts",
            "/class_counts",
        ),
        ({"class_counts": {"normal": 10**30}}, "invalid_class_counts", "/class_counts"),
        ({"class_counts": {}}, "invalid_request", "/class_counts"),
        ({"class_counts": {"normal": 1.0}}, "invalid_request", "/class_counts/normal"),
        ({"class_counts": {"normal": True}}, "invalid_request", "/class_counts/normal"),
        ({"class_counts": None}, "invalid_request", ""),
        ({"balance": True}, "invalid_request", ""),
        ({"balance": 1}, "invalid_request", "/balance"),
        ({"sampler": {"name": "magic"}}, "unknown_sampler", "/sampler/name"),
        ({"sampler": {"steps": 1}}, "unknown_sampler", "/sampler/steps"),
        ({"format": "gif"}, "invalid_request", "/format"),
        ({"seed": 2**63}, "invalid_request", "/seed"),
        ({"count": 3}, "invalid_request", "/count"),
        ({"mixtures": [{**MIXTURE, "count": 0}]}, "invalid_request", "/mixtures/0/count"),
        ({"mixtures": [mixed(normal=1.0)]}, "invalid_mixture", "/mixtures/0/weights"),
        ({"mixtures": [mixed()]}, "invalid_mixture", "/mixtures/0/weights"),
        (
            {"mixtures": [MIXTURE, mixed(normal=0.6, effusion=0.5)]},
            "invalid_mixture",
            "/mixtures/1/weights",
        ),
        (
            {"mixtures": [mixed(normal=0.6, effusion=0.40001)]},
            "invalid_mixture",
            "/mixtures/0/weights",
        ),
        (
            {"mixtures": [mixed(normal=1.0, effusion=0.0)]},
            "invalid_request",
            "/mixtures/0/weights/effusion",
        ),
        (
            {"mixtures": [mixed(normal=0.6, covid=0.4)]},
            "unknown_class",
            "/mixtures/0/weights/covid",
        ),
        ({"mixtures": [{**MIXTURE, "count": 49_999}]}, "invalid_class_counts", "/mixtures"),
        ({"interpolate": [{**WAY, "steps": 1}]}, "invalid_request", "/interpolate/0/steps"),
        ({"interpolate": {**WAY, "steps": 257}}, "invalid_request", "/interpolate/0/steps"),
        ({"interpolate": [{**WAY, "label": "covid"}]}, "unknown_class", "/interpolate/0/label"),
        ({"interpolate": [{**WAY, "label": None}]}, "invalid_request", "/interpolate/0"),
        ({"interpolate": [{**WAY, "to_seed": 1}]}, "invalid_request", "/interpolate/0"),
        (
            {"interpolate": [{**WAY, "weights": MIXTURE["weights"]}]},
            "invalid_request",
            "/interpolate/0",
        ),
    ],
)
def test_a_request_that_cannot_be_carried_out_queues_nothing(
    scene: Any, changes: dict[str, Any], code: str, pointer: str
) -> None:
    model = scene.model()
    before = scene.num_jobs()
    answer = scene.client.post("/generate", json=body(model.id, **changes))
    scene.refused(answer, 422, code, pointer)
    assert scene.num_jobs() == before
    assert scene.queue.notified == []


def test_a_sampler_needs_a_model_trained_for_it(scene: Any) -> None:
    fast = {"sampler": {"name": "fast"}}
    slow = scene.model("ldm")
    answer = scene.client.post("/generate", json=body(slow.id, **fast))
    scene.refused(answer, 422, "unknown_sampler", "/sampler")
    assert "fast_share" in answer.json()["detail"]
    with_student = scene.model("ldm", config={"fast_share": 0.1})
    assert scene.client.post("/generate", json=body(with_student.id, **fast)).status_code == 202


def test_a_failed_training_leaves_no_model_to_generate_from(scene: Any) -> None:
    training = scene.client.post(
        "/train",
        json={"dataset_id": scene.dataset().id, "family": "vae", "budget": {"images": 1}},
    ).json()
    for unknown in (training["id"], "mdl_none"):
        scene.refused(scene.client.post("/generate", json=body(unknown)), 404, "model_not_found")


def test_a_set_that_lost_its_files_is_made_anew(scene: Any) -> None:
    model = scene.model()
    first = scene.client.post("/generate", json=body(model.id)).json()
    made = made_for(scene, first["request"])
    scene.synthetic_set(made)
    assert scene.client.post("/generate", json=body(model.id)).json()["state"] == "queued"
    gone = scene.client.get(f"/synthetic-sets/{made.id}")
    scene.refused(gone, 404, "synthetic_set_not_found")


def test_a_set_that_exists_is_not_made_again(scene: Any) -> None:
    model = scene.model()
    first = scene.client.post("/generate", json=body(model.id)).json()
    made = made_for(scene, first["request"])
    scene.synthetic_set(made)
    for artifact in made.artifacts:
        path = scene.context.artifacts.path(artifact.key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    scene.queue.notified.clear()
    again = scene.client.post("/generate", json=body(model.id))
    assert again.status_code == 202
    assert again.json()["state"] == "succeeded"
    assert again.json()["result"]["synthetic_set_id"] == made.id
    events = scene.client.get(f"/jobs/{again.json()['id']}/events").json()["items"]
    assert [event["kind"] for event in events] == ["state", "done"]
    preferring = scene.client.post("/generate", json=body(model.id), headers={"Prefer": "wait=9"})
    assert preferring.status_code == 200
    assert scene.queue.notified == []


def test_prefer_wait_answers_200_once_the_job_is_done(scene: Any) -> None:
    model = scene.model()

    def work() -> None:
        while not scene.queue.notified:
            time.sleep(0.01)
        job = scene.claimed(scene.queue.notified[0][1])
        made = made_for(scene, as_json(job.request))
        scene.records.jobs.succeed(job.claim_held, GeneratedSet(made))

    worker = threading.Thread(target=work)
    worker.start()
    answer = scene.client.post("/generate", json=body(model.id), headers={"Prefer": "wait=20"})
    worker.join()
    assert (answer.status_code, answer.json()["done"]) == (200, True)
    assert answer.headers["preference-applied"] == "wait=20"


def test_prefer_wait_answers_202_when_the_time_is_over(scene: Any) -> None:
    headers = {"Prefer": "wait=1"}
    answer = scene.client.post("/generate", json=body(scene.model().id), headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("wait=5", 5),
        ("respond-async, wait=5", 5),
        ('wait="7"', 7),
        ("wait=999", 30),
        ("wait=-1", 0),
        ("await=5", 0),
        ("wait=x", 0),
    ],
)
def test_a_preference_is_read_or_ignored(header: str | None, seconds: int) -> None:
    assert preferred_wait_seconds(header) == seconds


def test_a_private_model_does_not_disclose_how_many_images_its_classes_have(scene: Any) -> None:
    model = scene.model(card=model_card(differential_privacy=privacy_account()))
    answer = scene.client.post("/generate", json={"model_id": model.id, "balance": True})
    scene.refused(answer, 422, "privacy_unavailable", "/balance")


def test_a_set_is_another_where_the_operator_supplies_a_network_to_compare_it_by(
    scene: Any, tmp_path: Path
) -> None:
    """Its figures are in the report, and so in the set."""
    model = scene.model()
    body = {"model_id": model.id, "class_counts": {"normal": 1}, "seed": 1}
    plain = scene.client.post("/generate", json=body).json()["request"]
    file = tmp_path / "inception.pth"
    asked = []
    for weights in (b"some", b"others"):
        file.write_bytes(weights)
        supplied = SuppliedExtractor("inception", "inception_v3", file)
        scene.app.state.context = replace(scene.context, extractors=(supplied,))
        asked.append(scene.client.post("/generate", json=body).json()["request"])
    assert plain["extractors"] == {}
    assert asked[0]["extractors"] == {
        "inception": {"kind": "inception_v3", "sha256": sha256(b"some").hexdigest()}
    }
    assert len({each["synthetic_set_id"] for each in (plain, *asked)}) == 3


def test_a_network_that_is_not_there_stops_the_request_with_the_way_out(
    scene: Any, tmp_path: Path
) -> None:
    gone = SuppliedExtractor("inception", "inception_v3", tmp_path / "none.pth")
    scene.app.state.context = replace(scene.context, extractors=(gone,))
    model = scene.model()
    body = {"model_id": model.id, "class_counts": {"normal": 1}, "seed": 1}
    answer = scene.client.post("/generate", json=body)
    scene.refused(answer, 503, "extractor_unavailable")
    assert "SYNTHCXR_EXTRACTORS" in answer.json()["detail"]
    assert str(tmp_path) not in answer.text
