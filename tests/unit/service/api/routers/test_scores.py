"""Who may ask for scores of which model, and what becomes of what was sent."""

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from service.adapters.score_file import write_scores
from service.domain.caller import PRIVATE_READ, Caller
from service.domain.records import ScoredImages
from service.domain.scores import ClassScore, HeldOut, ScoredImage, Scores, scores_folder
from tests.unit.service.conftest import Scene


def png(size: int = 64) -> bytes:
    file = io.BytesIO()
    Image.new("L", (size, size), 128).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """A caller who may see private data."""
    scene.app.state.context = replace(scene.context, caller=Caller.without_key(PRIVATE_READ))
    return scene


def ask(scene: Scene, model_id: str, names: tuple[str, ...] = ("a.png",), **data: str) -> Any:
    files = [("file", (name, png(), "image/png")) for name in names]
    return scene.client.post(f"/models/{model_id}/scores", files=files, data=data)


def found(model_id: str) -> Scores:
    by_class = {"normal": ClassScore(1.5, 40.0), "effusion": ClassScore(1.25, None)}
    scored = ScoredImage("a.png", "normal", "normal", 1.5, 40.0, 0.25, by_class)
    held_out = {"normal": HeldOut(20, 1.625), "effusion": HeldOut(0, None)}
    return Scores(model_id, "log_likelihood", held_out, (scored, ScoredImage("b.png")))


def finish(scene: Scene, job_id: str, model_id: str) -> None:
    """Play the worker."""
    staged = scene.context.artifacts.staging(job_id)
    write_scores(staged, found(model_id))
    scene.context.artifacts.publish(staged, scores_folder(job_id))
    claim = scene.claimed(job_id).claim_held
    scene.records.jobs.succeed(claim, ScoredImages(model_id))


def test_images_are_received_queued_and_scored(scene: Scene) -> None:
    model = scene.model("ppca")
    scene.queue.notified.clear()
    answer = ask(scene, model.id, ("a.png", "b.png"), label="normal", fit="crop")
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert (job["kind"], job["state"]) == ("score", "queued")
    assert job["request"] == {
        "model_id": model.id,
        "dataset_id": model.dataset_id,
        "label": "normal",
        "fit": "crop",
    }
    assert scene.queue.notified == [("gpu.score", job["id"])]
    assert scene.context.artifacts.has_upload(job["id"])
    scene.refused(scene.client.get(f"/models/{model.id}/scores/{job['id']}"), 409, "job_not_done")

    finish(scene, job["id"], model.id)
    done = scene.client.get(f"/jobs/{job['id']}").json()
    assert done["result"]["model_id"] == model.id
    scores = scene.client.get(done["links"]["scores"]).json()
    assert scores["kind"] == "log_likelihood"
    first, second = scores["images"]
    assert first["by_class"]["effusion"] == {"score": 1.25, "percentile": None}
    assert (first["margin"], second["score"], second["problem"]) == (0.25, None, None)
    assert scores["held_out"]["normal"] == {"num_images": 20, "median": 1.625}


def test_scores_need_the_scope_before_a_byte_is_read(scene: Scene) -> None:
    model = scene.model("ppca")
    scene.app.state.context = replace(scene.context, caller=Caller.without_key())
    scene.refused(ask(scene, model.id), 403, "scope_missing")
    scene.refused(scene.client.get(f"/models/{model.id}/scores/job_1"), 403, "scope_missing")
    assert not list(scene.context.artifacts.uploads())


@pytest.mark.parametrize(
    ("family", "config"),
    [("gan", {}), ("vae", {"kind": "denoising"}), ("vae", {"kind": "sparse"})],
)
def test_a_model_without_a_likelihood_is_refused_by_name(
    scene: Scene, family: str, config: dict[str, Any]
) -> None:
    model = scene.model(family, config=config)
    answer = ask(scene, model.id)
    scene.refused(answer, 422, "score_unavailable")
    assert family in answer.json()["detail"]


@pytest.mark.parametrize(
    ("data", "code", "pointer"),
    [
        ({"label": "pneumonia"}, "unknown_class", "/label"),
        ({"fit": "squeeze"}, "invalid_request", "/fit"),
        ({"other": "1"}, "invalid_request", "/other"),
    ],
)
def test_what_cannot_be_carried_out_leaves_nothing_behind(
    scene: Scene, data: dict[str, str], code: str, pointer: str
) -> None:
    model = scene.model("ppca")
    before = scene.num_jobs()
    scene.refused(ask(scene, model.id, **data), 422, code, pointer)
    assert scene.num_jobs() == before
    assert not list(scene.context.artifacts.uploads())


def test_bodies_that_are_no_form_of_images_are_refused(scene: Scene) -> None:
    model = scene.model("ppca")
    path = f"/models/{model.id}/scores"
    scene.refused(scene.client.post(path, json={}), 415, "unsupported_media_type")
    text = [("file", ("a.png", b"no image at all", "image/png"))]
    scene.refused(scene.client.post(path, files=text), 422, "invalid_request", "/file")
    nothing = {"label": (None, "normal")}
    scene.refused(scene.client.post(path, files=nothing), 422, "invalid_request", "/file")
    scene.refused(ask(scene, "mdl_none"), 404, "model_not_found")


def test_scores_are_those_of_the_model_and_the_job_that_are_named(scene: Scene) -> None:
    model, other = scene.model("ppca"), scene.model("ppca")
    job_id = ask(scene, model.id).json()["id"]
    finish(scene, job_id, model.id)
    read = f"/models/{other.id}/scores/{job_id}"
    scene.refused(scene.client.get(read), 404, "scores_not_found")
    read = f"/models/{model.id}/scores/{model.job_id}"
    scene.refused(scene.client.get(read), 404, "scores_not_found")


def test_asking_twice_with_one_key_asks_once(scene: Scene) -> None:
    model = scene.model("ppca")
    path, files = f"/models/{model.id}/scores", [("file", ("a.png", png(), "image/png"))]
    headers = {"Idempotency-Key": "once"}
    first, again = (
        scene.client.post(path, files=files, headers=headers).json()["id"] for _ in range(2)
    )
    assert first == again
    assert [job for job, _ in scene.context.artifacts.uploads()] == [first]


@pytest.mark.parametrize("what", ["job", "model"])
def test_scores_go_with_their_job_and_with_their_model(scene: Scene, what: str) -> None:
    model = scene.model("ppca")
    job_id = ask(scene, model.id).json()["id"]
    finish(scene, job_id, model.id)
    kept = scores_folder(job_id)
    assert kept in scene.records.catalog.referenced_artifacts()
    assert scene.context.artifacts.exists(kept)
    answer = scene.client.delete(f"/jobs/{job_id}" if what == "job" else f"/models/{model.id}")
    assert answer.is_success, answer.text
    assert not scene.context.artifacts.exists(kept)
    assert scene.client.get(f"/jobs/{job_id}").status_code == 404


def test_a_model_is_kept_while_images_are_scored(scene: Scene) -> None:
    model = scene.model("ppca")
    ask(scene, model.id)
    scene.refused(scene.client.delete(f"/models/{model.id}"), 409, "model_in_use")


def test_that_scores_were_asked_for_and_read_is_recorded(scene: Scene) -> None:
    model = scene.model("ppca")
    job_id = ask(scene, model.id).json()["id"]
    finish(scene, job_id, model.id)
    assert scene.client.get(f"/models/{model.id}/scores/{job_id}").is_success
    recorded = [(each.action, each.target) for each in scene.store.audit["default"]]
    assert ("score_images", model.id) in recorded
    assert ("get_scores", model.id) in recorded


def test_images_are_not_kept_for_a_scoring_that_was_cancelled(scene: Scene) -> None:
    model = scene.model("ppca")
    job_id = ask(scene, model.id).json()["id"]
    assert scene.client.post(f"/jobs/{job_id}/cancel").is_success
    assert not scene.context.artifacts.has_upload(job_id)
    scene.refused(scene.client.post(f"/jobs/{job_id}/retry"), 409, "upload_gone")
