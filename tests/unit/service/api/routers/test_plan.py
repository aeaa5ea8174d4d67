"""What cannot pass is said before it is computed."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.release_plan import ReleasePlan

PLAN = ReleasePlan(
    num_patients=2_000,
    membership=(0.03, 0.034),
    max_membership=0.05,
    class_shares={"normal": 0.8, "effusion": 0.2},
    num_needed=500,
    max_excess=((500, 2.0),),
)
EVEN = {"normal": 50, "effusion": 50}


@pytest.fixture
def model_id(scene: Any) -> str:
    """A model of a dataset whose ingest found what can pass."""
    model = scene.model()
    dataset = scene.store.datasets[model.dataset_id]
    known = replace(dataset, summary={"release_plan": PLAN.to_json()})
    scene.store.datasets[model.dataset_id] = known
    return str(model.id)


def asked(scene: Any, path: str, model_id: str, counts: dict[str, int], **more: Any) -> Any:
    return scene.client.post(path, json={"model_id": model_id, "class_counts": counts, **more})


def test_a_set_that_cannot_pass_is_made_with_a_warning(scene: Any, model_id: str) -> None:
    answer = asked(scene, "/generate", model_id, EVEN)
    assert answer.status_code == 202
    warnings = answer.json()["warnings"]
    assert "effusion makes up 50 %" in warnings[0]
    assert any("ask for normal=" in each for each in warnings)
    assert scene.client.get(f"/jobs/{answer.json()['id']}").json()["warnings"] == []


def test_strict_refuses_it_and_makes_nothing(scene: Any, model_id: str) -> None:
    answer = asked(scene, "/generate", model_id, EVEN, strict=True)
    scene.refused(answer, 422, "cannot_pass")
    assert "effusion=50" in answer.json()["detail"]
    assert scene.client.get("/jobs?kind=generate").json()["items"] == []


def test_a_plan_names_counts_that_strict_takes(scene: Any, model_id: str) -> None:
    plan = asked(scene, "/generate/plan", model_id, EVEN)
    assert plan.status_code == 200
    found = plan.json()
    assert (found["can_pass"], found["num_examined"]) == (False, 500)
    assert scene.client.get("/jobs?kind=generate").json()["items"] == []
    again = asked(scene, "/generate", model_id, found["class_counts"], strict=True)
    assert again.status_code == 202
    assert again.json()["warnings"] == []


def test_nothing_is_known_of_a_dataset_of_an_earlier_version(scene: Any) -> None:
    plan = asked(scene, "/generate/plan", scene.model().id, EVEN).json()
    assert (plan["can_pass"], plan["num_examined"], plan["class_counts"]) == (True, 0, None)


def test_images_of_several_classes_count_for_each_by_their_weights(
    scene: Any, model_id: str
) -> None:
    mixed = {"weights": {"normal": 0.4, "effusion": 0.6}, "count": 40}
    plan = asked(scene, "/generate/plan", model_id, {"normal": 10}, mixtures=[mixed]).json()
    assert "effusion makes up 48 %" in plan["reasons"][0]


def test_the_dataset_says_what_can_pass(scene: Any, model_id: str) -> None:
    dataset_id = scene.records.catalog.model(model_id).dataset_id
    shown = scene.client.get(f"/datasets/{dataset_id}").json()
    assert "effusion 40 %" in shown["summary"]["release_plan"]["text"][0]
