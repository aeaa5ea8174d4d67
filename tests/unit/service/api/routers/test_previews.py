"""Who may look at unexamined images side by side, how many, and what becomes of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.domain.caller import GENERATE, PRIVATE_READ, TRAIN, Caller
from service.domain.previews import MAX_IMAGES, picture_name, previews_folder
from service.domain.quotas import Quotas
from service.domain.records import PreviewedModel
from synthcxr import Client, Conflict, NotFound
from tests.unit.service.conftest import Scene

TWO = [{"sampler": {"guidance": 1.0}}, {"seed": 7, "sampler": {"guidance": 3.0, "num_steps": 4}}]


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """A caller who may see private data."""
    scene.app.state.context = replace(scene.context, caller=Caller.without_key(PRIVATE_READ))
    return scene


def ask(scene: Scene, model_id: str, **body: Any) -> Any:
    return scene.client.post(f"/models/{model_id}/previews", json={"columns": TWO} | body)


def finish(scene: Scene, job_id: str, model_id: str) -> None:
    """Play the worker."""
    staged = scene.context.artifacts.staging(job_id)
    for place in range(2):
        (staged / picture_name(place)).write_bytes(b"picture %d" % place)
    scene.context.artifacts.publish(staged, previews_folder(job_id))
    scene.records.jobs.succeed(scene.claimed(job_id).claim_held, PreviewedModel(model_id))


def test_images_are_drawn_by_a_job_and_looked_at(scene: Scene) -> None:
    model = scene.model("ldm")
    scene.queue.notified.clear()
    answer = ask(scene, model.id, images_per_class=2)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["state"]) == ("preview", "queued")
    assert scene.queue.notified == [("gpu.preview", job["id"])]
    request = job["request"]
    assert (request["classes"], request["images_per_class"]) == ([*model.classes], 2)
    first, second = request["columns"]
    assert (first["seed"], first["sampler"]["guidance"]) == (0, 1.0)
    assert (second["seed"], second["sampler"]["num_steps"]) == (7, 4)
    assert first["sampler"]["num_steps"] > 4  # the family's default, said in full
    scene.refused(
        scene.client.get(f"/models/{model.id}/previews/{job['id']}/0.png"), 409, "job_not_done"
    )

    finish(scene, job["id"], model.id)
    done = scene.client.get(f"/jobs/{job['id']}").json()
    assert done["result"]["model_id"] == model.id
    picture = scene.client.get(done["links"]["preview"])
    assert (picture.content, picture.headers["content-type"]) == (b"picture 0", "image/png")
    assert "no-store" in picture.headers["cache-control"]
    assert "content-disposition" not in picture.headers
    recorded = [(each.action, each.target) for each in scene.store.audit["default"]]
    assert ("preview_model", model.id) in recorded
    assert ("get_preview", model.id) in recorded


def test_the_client_orders_images_and_saves_their_pictures(scene: Scene, tmp_path: Path) -> None:
    model = scene.model("ldm")
    with Client(str(scene.client.base_url)) as client:
        columns = [{"seed": 3, "sampler": {"num_steps": 4}}, {}]
        job = client.models.preview(model.id, columns, images_per_class=2)
        assert [each["seed"] for each in job.request["columns"]] == [3, 0]
        with pytest.raises(Conflict, match="job_not_done"):
            client.models.save_previews(model.id, job.id, tmp_path)
        finish(scene, job.id, model.id)
        files = client.models.save_previews(model.id, job.id, tmp_path)
        assert [file.name for file in files] == ["0-normal.png", "1-effusion.png"]
        assert [file.read_bytes() for file in files] == [b"picture 0", b"picture 1"]
        with pytest.raises(NotFound):
            client.models.save_previews(model.id, model.job_id, tmp_path)


@pytest.mark.parametrize("scopes", [(), (GENERATE, TRAIN)])
def test_only_who_may_see_real_images_may_ask_and_look(
    scene: Scene, scopes: tuple[Any, ...]
) -> None:
    model = scene.model("ldm")
    job_id = ask(scene, model.id).json()["id"]
    finish(scene, job_id, model.id)
    scene.app.state.context = replace(scene.context, caller=Caller("k", "default", {*scopes}))
    scene.refused(ask(scene, model.id), 403, "scope_missing")
    picture = f"/models/{model.id}/previews/{job_id}/0.png"
    scene.refused(scene.client.get(picture), 403, "scope_missing")
    scene.refused(scene.client.delete(f"/jobs/{job_id}"), 403, "scope_missing")


WRONG = [
    ("gan", {}, "unknown_sampler", "/columns/0/sampler/guidance"),  # it has none
    ("ldm", {"columns": [{}, {"sampler": {"num_steps": 0}}]}, "unknown_sampler", None),
    ("ldm", {"columns": [{"sampler": {"name": "fast"}}]}, "unknown_sampler", "/columns/0/sampler"),
    ("ldm", {"columns": []}, "invalid_request", "/columns"),
    ("ldm", {"columns": [{}] * 5}, "invalid_request", "/columns"),
    ("ldm", {"images_per_class": 9}, "invalid_request", "/images_per_class"),
    ("ldm", {"columns": [{"seed": 2**63}]}, "invalid_request", "/columns/0/seed"),
    ("ldm", {"classes": ["normal", "fracture"]}, "unknown_class", "/classes/1"),
    ("ldm", {"classes": []}, "invalid_request", "/classes"),
]


@pytest.mark.parametrize(("family", "body", "code", "pointer"), WRONG)
def test_what_cannot_be_drawn_is_refused_by_name(
    scene: Scene, family: str, body: dict[str, Any], code: str, pointer: str | None
) -> None:
    model = scene.model(family)
    before = scene.num_jobs()
    scene.refused(ask(scene, model.id, **body), 422, code, pointer)
    assert scene.num_jobs() == before


def test_a_preview_of_many_classes_is_limited(scene: Scene) -> None:
    labels = tuple(f"finding {number}" for number in range(MAX_IMAGES // 2))
    model = scene.model("ldm", classes=labels)
    scene.refused(ask(scene, model.id), 422, "invalid_request", "/images_per_class")
    assert ask(scene, model.id, images_per_class=1).status_code == 202
    few = ask(scene, model.id, classes=[labels[3], labels[1]]).json()
    assert few["request"]["classes"] == [labels[1], labels[3]]


def test_pictures_are_those_of_the_model_and_the_job_that_are_named(scene: Scene) -> None:
    model, other = scene.model("ldm"), scene.model("ldm")
    job_id = ask(scene, model.id).json()["id"]
    finish(scene, job_id, model.id)
    for path, code in (
        (f"{other.id}/previews/{job_id}/0.png", "image_not_found"),
        (f"{model.id}/previews/{model.job_id}/0.png", "image_not_found"),
        (f"{model.id}/previews/{job_id}/2.png", "image_not_found"),
        (f"mdl_none/previews/{job_id}/0.png", "model_not_found"),
    ):
        scene.refused(scene.client.get(f"/models/{path}"), 404, code)


def test_asking_twice_with_one_key_draws_once(scene: Scene) -> None:
    model = scene.model("ldm")
    path, headers = f"/models/{model.id}/previews", {"Idempotency-Key": "once"}
    asked = [scene.client.post(path, json={"columns": TWO}, headers=headers) for _ in range(2)]
    assert len({each.json()["id"] for each in asked}) == 1


@pytest.mark.parametrize("what", ["job", "model"])
def test_pictures_go_with_their_job_and_with_their_model(scene: Scene, what: str) -> None:
    model = scene.model("ldm")
    job_id = ask(scene, model.id).json()["id"]
    scene.refused(scene.client.delete(f"/models/{model.id}"), 409, "model_in_use")
    finish(scene, job_id, model.id)
    kept = previews_folder(job_id)
    assert kept in scene.records.catalog.referenced_artifacts()
    answer = scene.client.delete(f"/jobs/{job_id}" if what == "job" else f"/models/{model.id}")
    assert answer.is_success, answer.text
    assert not scene.context.artifacts.exists(kept)
    assert scene.client.get(f"/jobs/{job_id}").status_code == 404


def test_images_that_are_looked_at_count_towards_the_quota_and_no_examination(
    scene: Scene,
) -> None:
    model = scene.model("ldm")
    scene.app.state.context = replace(scene.app.state.context, quotas=Quotas(max_images_per_day=16))
    finish(scene, ask(scene, model.id, images_per_class=4).json()["id"], model.id)
    scene.refused(ask(scene, model.id, images_per_class=1), 429, "quota_exceeded")
    assert scene.client.get(f"/models/{model.id}/audit").json()["sets"] == []


def test_a_model_has_so_many_previews_and_deleting_their_jobs_frees_none(scene: Scene) -> None:
    model, other = scene.model("ldm"), scene.model("ldm")
    scene.app.state.context = replace(scene.app.state.context, max_previews_per_model=2)
    scene.refused(ask(scene, model.id, columns=[]), 422, "invalid_request")  # counts for none
    path, headers = f"/models/{model.id}/previews", {"Idempotency-Key": "once"}
    for _ in range(2):  # one, however often it is sent
        first = scene.client.post(path, json={"columns": TWO}, headers=headers)
    finish(scene, first.json()["id"], model.id)
    assert scene.client.delete(f"/jobs/{first.json()['id']}").is_success
    assert ask(scene, model.id).status_code == 202
    before = scene.num_jobs()
    for _ in range(2):
        refused = ask(scene, model.id)
        scene.refused(refused, 409, "previews_spent")
    assert "SYNTHCXR_MAX_PREVIEWS_PER_MODEL" in refused.json()["detail"]
    assert scene.num_jobs() == before
    outcomes = [each.outcome for each in scene.store.audit["default"]]
    assert outcomes[-1] == "previews_spent"
    assert ask(scene, other.id).status_code == 202
