from dataclasses import replace
from typing import Any

from service.domain.caller import PRIVATE_READ, Caller


def test_a_model_shows_what_it_learned(scene: Any) -> None:
    model = scene.model(config={"width": 8})
    view = scene.client.get(f"/models/{model.id}").json()
    assert view["classes"] == ["normal", "effusion"]
    assert (view["config"], view["snapshot_sha256"]) == ({"width": 8}, "a" * 64)
    assert scene.client.get("/models").json() == {"items": [view], "next_cursor": None}


def test_samples_are_shown_where_there_are_some_to_who_may_see_unexamined_images(
    scene: Any,
) -> None:
    model = scene.model()
    path = f"/models/{model.id}/samples.png"
    scene.refused(scene.client.get(path), 403, "scope_missing")
    scene.app.state.context = replace(scene.context, caller=Caller.without_key(PRIVATE_READ))
    scene.refused(scene.client.get(path), 404, "image_not_found")
    snapshot = scene.context.artifacts.path(model.snapshot.key)
    snapshot.parent.mkdir(parents=True)
    (snapshot.parent / "samples.png").write_bytes(b"grid")
    answer = scene.client.get(path)
    assert (answer.content, answer.headers["content-type"]) == (b"grid", "image/png")


def test_an_unknown_model_is_not_found(scene: Any) -> None:
    for path in ("/models/mdl_none", "/models/mdl_none/samples.png"):
        scene.refused(scene.client.get(path), 404, "model_not_found")
