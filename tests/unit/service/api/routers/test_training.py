from typing import Any

import pytest

from service.domain.job import JobState
from service.domain.model_card import ModelCard, WarmStart
from service.domain.records import ClassSplit
from service.domain.requests import DatasetSource, PublicData, TrainingBudget
from tests.sample_records import model_card


def body(dataset_id: str, **changes: Any) -> dict[str, Any]:
    return {
        "dataset_id": dataset_id,
        "family": "vae",
        "image_size": 64,
        "preset": "tiny",
        "budget": {"images": 100},
    } | changes


def test_a_training_is_queued_with_every_default_spelled_out(scene: Any) -> None:
    dataset = scene.dataset()
    answer = scene.client.post("/train", json=body(dataset.id, labels={"why": "trial"}))
    job = answer.json()
    assert (answer.status_code, job["kind"], job["labels"]) == (202, "train", {"why": "trial"})
    assert job["request"]["config"]["batch_size"] > 0
    assert job["request"] | {"config": {}} == {
        "dataset_id": dataset.id,
        "family": "vae",
        "image_size": 64,
        "preset": "tiny",
        "config": {},
        "budget": {"images": 100},
        "num_devices": 1,
        "seed": 0,
    }
    assert scene.queue.notified == [("gpu.train", job["id"])]


def test_the_image_size_is_the_dataset_s_unless_given(scene: Any) -> None:
    answer = scene.client.post("/train", json=body(scene.dataset().id, image_size=None))
    assert answer.json()["request"]["image_size"] == 128


def test_an_unknown_dataset_is_not_found(scene: Any) -> None:
    scene.refused(scene.client.post("/train", json=body("ds_none")), 404, "dataset_not_found")
    assert scene.num_jobs() == 0


def test_a_dataset_still_ingesting_is_not_ready(scene: Any) -> None:
    phantom = {"class_counts": {"normal": 8, "effusion": 8}}
    ingest = scene.client.post("/datasets", json={"phantom": phantom}).json()
    dataset_id = ingest["request"]["dataset_id"]
    answer = scene.client.post("/train", json=body(dataset_id))
    scene.refused(answer, 409, "dataset_not_ready")
    assert answer.json()["retryable"] is True
    scene.client.post(f"/jobs/{ingest['id']}/cancel")
    scene.refused(scene.client.post("/train", json=body(dataset_id)), 409, "dataset_failed")
    assert scene.num_jobs() == 1


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"family": "gpt"}, "unknown_family", "/family"),
        ({"preset": "huge"}, "unknown_preset", "/preset"),
        ({"num_devices": 0}, "invalid_request", "/num_devices"),
        ({"num_devices": 40}, "invalid_config", "/num_devices"),
        ({"config": {"colour": 1}}, "invalid_config", "/config/colour"),
        ({"config": {"batch_size": "8"}}, "invalid_config", "/config/batch_size"),
        ({"config": {"batch_size": -1}}, "invalid_config", "/config/batch_size"),
        ({"image_size": 256}, "image_size_unavailable", "/image_size"),
        ({"image_size": 65}, "invalid_request", "/image_size"),
        ({"image_size": True}, "invalid_request", "/image_size"),
        ({"budget": {"images": 0}}, "budget_out_of_range", "/budget/images"),
        ({"budget": {"images": 10**9 + 1}}, "budget_out_of_range", "/budget/images"),
        ({"budget": {"seconds": 4}}, "budget_out_of_range", "/budget/seconds"),
        ({"budget": {"seconds": 86_401}}, "budget_out_of_range", "/budget/seconds"),
        ({"budget": {}}, "invalid_request", "/budget"),
        ({"budget": {"images": 1, "seconds": 5}}, "invalid_request", "/budget"),
        ({"budget": {"images": 1.5}}, "invalid_request", "/budget/images"),
        ({"budget": {"images": True}}, "invalid_request", "/budget/images"),
        ({"seed": -1}, "invalid_request", "/seed"),
        ({"seed": "1"}, "invalid_request", "/seed"),
        ({"epochs": 3}, "invalid_request", "/epochs"),
        ({"labels": {"a": 1}}, "invalid_request", "/labels/a"),
    ],
)
def test_a_request_that_cannot_be_carried_out_queues_nothing(
    scene: Any, changes: dict[str, Any], code: str, pointer: str
) -> None:
    before = (scene.dataset(), scene.num_jobs())
    scene.refused(
        scene.client.post("/train", json=body(before[0].id, **changes)), 422, code, pointer
    )
    assert scene.num_jobs() == before[1]
    assert scene.queue.notified == []


def test_the_first_answer_holds_for_a_key_even_when_the_dataset_is_gone(scene: Any) -> None:
    dataset = scene.dataset()
    headers = {"Idempotency-Key": "k"}
    first = scene.client.post("/train", json=body(dataset.id), headers=headers).json()
    scene.client.post(f"/jobs/{first['id']}/cancel")
    assert scene.client.delete(f"/datasets/{dataset.id}").status_code == 200
    again = scene.client.post("/train", json=body(dataset.id), headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, first["id"])
    assert again.json()["state"] == JobState.CANCELLED
    other = scene.client.post("/train", json=body(dataset.id, seed=2), headers=headers)
    scene.refused(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "\x80"])
def test_an_ill_formed_key_is_refused(scene: Any, key: str) -> None:
    headers = {b"idempotency-key": key.encode("latin-1")}
    answer = scene.client.post("/train", json=body(scene.dataset().id), headers=headers)
    scene.refused(answer, 422, "invalid_request", "/header/Idempotency-Key")


def test_json_that_is_too_large_is_refused_by_length_and_by_count(scene: Any) -> None:
    headers = {"content-type": "application/json"}
    large = b'"' + b"x" * (2**20 + 1) + b'"'
    for path in ("/train", "/generate"):
        for content in (large, iter([large])):
            answer = scene.client.post(path, content=content, headers=headers)
            scene.refused(answer, 413, "upload_too_large")
            assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_an_outage_of_the_broker_is_no_error(scene: Any) -> None:
    scene.queue.up = False
    dataset = scene.dataset()
    assert scene.client.post("/train", json=body(dataset.id)).status_code == 202


def private(**terms: Any) -> dict[str, Any]:
    return {"privacy": {"differential_privacy": {"epsilon": 3} | terms}}


def test_a_private_training_is_queued_with_its_terms_spelled_out(scene: Any) -> None:
    answer = scene.client.post("/train", json=body(scene.dataset().id, **private()))
    assert answer.status_code == 202
    request = answer.json()["request"]
    assert request["privacy"] == {
        "differential_privacy": {
            "epsilon": 3.0,
            "delta": None,
            "max_grad_norm": 1.0,
            "method": "mixture",
        }
    }


def test_a_private_model_has_few_latents_by_default(scene: Any) -> None:
    """Every latent is one more number that noise must cover."""
    dataset_id = scene.dataset().id
    for given, expected in (({}, 32), ({"num_latents": 64}, 64)):
        asked = body(dataset_id, preset="standard", config=given, **private())
        request = scene.client.post("/train", json=asked).json()["request"]
        assert request["config"]["num_latents"] == expected


def test_each_family_is_trained_privately_by_the_method_that_it_knows(scene: Any) -> None:
    asked = body(scene.dataset().id, family="ldm", preset="standard", **private())
    request = scene.client.post("/train", json=asked).json()["request"]
    assert request["privacy"]["differential_privacy"]["method"] == "dp_sgd"
    assert request["config"]["fast_share"] == 0  # a student would have seen no private image
    assert request["config"]["autoguidance"] is False  # nor would an early denoiser


def test_a_part_that_would_learn_classes_from_public_images_is_refused_by_name(scene: Any) -> None:
    for field in ("fast_share", "classifier_share"):
        asked = body(scene.dataset().id, family="ldm", config={field: 0.1}, **private())
        answer = scene.client.post("/train", json=asked)
        scene.refused(answer, 422, "privacy_unavailable", "/config")
        assert f"{field} trains" in answer.json()["detail"]
        assert "expected 0" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"family": "gan", **private()}, "privacy_unavailable", ""),
        (
            {"family": "gan", "config": {"conditioning": "auxiliary"}, **private()},
            "privacy_unavailable",
            "",
        ),
        ({"family": "ldm", **private(method="mixture")}, "privacy_unavailable", "/method"),
        ({"family": "vae", **private(method="dp_sgd")}, "privacy_unavailable", "/method"),
        ({"family": "gpt", **private()}, "unknown_family", None),
        (private(method="sgd"), "privacy_unavailable", "/method"),
        (private(delta=0.001), "privacy_unavailable", "/delta"),
        (private(delta=0.0), "invalid_request", "/delta"),
        (private(epsilon=0.01), "invalid_request", "/epsilon"),
        (private(epsilon=11), "invalid_request", "/epsilon"),
        (private(max_grad_norm=0), "invalid_request", "/max_grad_norm"),
        (private(noise=1), "invalid_request", "/noise"),
    ],
)
def test_privacy_that_cannot_be_had_is_refused_by_name(
    scene: Any, changes: dict[str, Any], code: str, pointer: str | None
) -> None:
    classes = {"normal": ClassSplit(3000, 2100, test=900), "effusion": ClassSplit(10, 7, test=3)}
    dataset = scene.dataset(classes=classes)
    answer = scene.client.post("/train", json=body(dataset.id, **changes))
    at = None if pointer is None else f"/privacy/differential_privacy{pointer}"
    scene.refused(answer, 422, code, at)
    assert scene.num_jobs() == 1
    if code == "privacy_unavailable" and pointer == "":
        assert "vae by mixture, ldm by dp_sgd" in answer.json()["detail"]


def test_a_training_on_few_private_images_ends_before_they_are_memorised(scene: Any) -> None:
    """12 of 16 images, about, are trained on: ten times each by the family's constant."""
    private = scene.dataset(source=DatasetSource(upload="upl_1"))
    budget = scene.client.post("/train", json=body(private.id)).json()["request"]["budget"]
    assert budget == {"images": 100, "until": "memorisation", "memorisation_images": 120}


@pytest.mark.parametrize("declared", [PublicData("CC0-1.0", "an open archive"), None])
def test_public_images_may_be_memorised_unless_the_client_says_otherwise(
    scene: Any, declared: Any
) -> None:
    source = DatasetSource(upload="upl_1") if declared else None
    changes = {"source": source, "public": declared} if declared else {}  # phantoms
    public = scene.dataset(**changes)
    asked = {"seconds": 60, "until": "memorisation"}
    for budget, most in [({"seconds": 60}, None), (asked, 120)]:
        answer = scene.client.post("/train", json=body(public.id, budget=budget))
        assert answer.json()["request"]["budget"].get("memorisation_images") == most


def test_a_training_on_many_private_images_has_no_bound_of_itself(scene: Any) -> None:
    classes = {"normal": ClassSplit(5000, 3600, 700, 600, 700)}
    many = scene.dataset(source=DatasetSource(upload="upl_1"), classes=classes)
    answer = scene.client.post("/train", json=body(many.id))
    assert answer.json()["request"]["budget"] == {"images": 100}


def test_what_an_earlier_model_has_seen_of_the_images_counts(scene: Any) -> None:
    dataset = scene.dataset(source=DatasetSource(upload="upl_1"))
    for seen, left in [(100, 20), (120, None)]:
        earlier = scene.model(dataset_id=dataset.id, images_seen=seen)
        answer = scene.client.post("/train", json=body(dataset.id, init_from=earlier.id))
        if left:
            budget = answer.json()["request"]["budget"]
            assert (budget["memorisation_images"], budget["earlier_images"]) == (left, seen)
        else:
            scene.refused(answer, 422, "init_from_unavailable", "/init_from")


@pytest.mark.parametrize("seen", [100, 120])
def test_a_training_on_other_images_between_two_on_the_same_forgets_nothing(
    scene: Any, seen: int
) -> None:
    dataset = scene.dataset(source=DatasetSource(upload="upl_1"))
    between = scene.dataset(source=DatasetSource(upload="upl_2"))
    first = scene.model(dataset_id=dataset.id, images_seen=seen)
    second = scene.model(
        dataset_id=between.id,
        images_seen=5000,
        inherited=(dataset.id,),
        card=card(first.id),
    )
    answer = scene.client.post("/train", json=body(dataset.id, init_from=second.id))
    if seen < 120:
        budget = answer.json()["request"]["budget"]
        assert (budget["memorisation_images"], budget["earlier_images"]) == (20, 100)
    else:
        scene.refused(answer, 422, "init_from_unavailable", "/init_from")


def test_what_a_deleted_model_has_seen_of_the_images_is_not_taken_for_nothing(scene: Any) -> None:
    dataset = scene.dataset(source=DatasetSource(upload="upl_1"))
    between = scene.dataset(source=DatasetSource(upload="upl_2"))
    gone = "mdl_00000000000000000000000009"
    model = scene.model(dataset_id=between.id, inherited=(dataset.id,), card=card(gone))
    answer = scene.client.post("/train", json=body(dataset.id, init_from=model.id))
    scene.refused(answer, 422, "init_from_unavailable", "/init_from")
    assert "deleted" in answer.json()["detail"]
    unrelated = scene.model(dataset_id=between.id, card=card(gone))
    answer = scene.client.post("/train", json=body(dataset.id, init_from=unrelated.id))
    assert answer.json()["request"]["budget"]["memorisation_images"] == 120


@pytest.mark.parametrize(
    ("budget", "left"),
    [
        (TrainingBudget(images=100), None),
        (TrainingBudget(images=100, until="memorisation", memorisation_images=120), 20),
        (
            TrainingBudget(
                images=100, until="memorisation", memorisation_images=110, earlier_images=10
            ),
            10,
        ),
    ],
)
def test_what_a_deleted_model_has_seen_is_known_where_the_next_training_was_bounded(
    scene: Any, budget: TrainingBudget, left: int | None
) -> None:
    """The next one has seen 100 images of the same dataset itself, of 120."""
    dataset = scene.dataset(source=DatasetSource(upload="upl_1"))
    gone = card("mdl_00000000000000000000000009", budget=budget)
    model = scene.model(dataset_id=dataset.id, images_seen=100, card=gone)
    answer = scene.client.post("/train", json=body(dataset.id, init_from=model.id))
    if left is None:
        scene.refused(answer, 422, "init_from_unavailable", "/init_from")
        assert "deleted" in answer.json()["detail"]
    else:
        assert answer.json()["request"]["budget"]["memorisation_images"] == left


def card(init_from: str, **changes: Any) -> ModelCard:
    start = WarmStart(init_from, "0" * 64, (), ("decoder",), (), (), (), share=1.0)
    return model_card(warm_start=start, **changes)


def test_until_memorisation_is_not_for_differential_privacy(scene: Any) -> None:
    asked = body(
        scene.dataset().id,
        budget={"images": 100, "until": "memorisation"},
        privacy={"differential_privacy": {"epsilon": 3}},
    )
    answer = scene.client.post("/train", json=asked)
    scene.refused(answer, 422, "budget_out_of_range", "/budget/until")
