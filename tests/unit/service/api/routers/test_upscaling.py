"""Which trainings and sets can have a stage that enlarges images."""

from typing import Any

import pytest


def training(dataset_id: str, **changes: Any) -> dict[str, Any]:
    asked = {"dataset_id": dataset_id, "family": "ldm", "preset": "tiny", "budget": {"images": 100}}
    return asked | changes


def generation(model_id: str, upscale: Any) -> dict[str, Any]:
    return {"model_id": model_id, "class_counts": {"normal": 2}, "upscale": upscale}


@pytest.mark.parametrize("preset", ["tiny", "standard"])
def test_a_dataset_of_512_px_trains_at_256_and_the_stage_with_it(scene: Any, preset: str) -> None:
    dataset = scene.dataset(image_size=512)
    request = scene.client.post("/train", json=training(dataset.id, preset=preset)).json()
    assert request["request"]["image_size"] == 256
    assert request["request"]["config"]["upscale_share"] == 0.15
    for changes in ({"image_size": 128}, {"family": "vae"}):
        asked = training(dataset.id, **changes)
        config = scene.client.post("/train", json=asked).json()["request"]["config"]
        assert not config.get("upscale_share")


def test_without_images_so_large_the_stage_is_refused_by_name(scene: Any) -> None:
    dataset = scene.dataset(image_size=256)
    asked = training(dataset.id, config={"upscale_share": 0.2})
    answer = scene.client.post("/train", json=asked)
    scene.refused(answer, 422, "upscale_unavailable", "/config/upscale_share")
    assert "image_size 512" in answer.json()["detail"]
    smaller = scene.client.post("/train", json={**asked, "image_size": 128})
    assert smaller.status_code == 202


def test_a_private_model_has_no_such_stage(scene: Any) -> None:
    terms = {"privacy": {"differential_privacy": {"epsilon": 3}}}
    asked = training(scene.dataset(image_size=512).id, preset="standard", **terms)
    assert scene.client.post("/train", json=asked).json()["request"]["config"]["upscale_share"] == 0
    answer = scene.client.post("/train", json={**asked, "config": {"upscale_share": 0.1}})
    scene.refused(answer, 422, "privacy_unavailable", "/config")


def test_a_set_is_enlarged_by_a_model_with_the_stage_to_twice_its_size_alone(scene: Any) -> None:
    model = scene.model("ldm", image_size=256, config={"upscale_share": 0.1})
    plain = scene.client.post("/generate", json=generation(model.id, None)).json()["request"]
    large = scene.client.post("/generate", json=generation(model.id, 512)).json()["request"]
    assert large["upscale"] == 512
    assert large["synthetic_set_id"] != plain["synthetic_set_id"]
    for wanted in (256, 511, 1024, 0, -512):
        answer = scene.client.post("/generate", json=generation(model.id, wanted))
        scene.refused(answer, 422, "upscale_unavailable", "/upscale")
        assert "512 px" in answer.json()["detail"]
    for wanted in ("512", 512.0, True):
        answer = scene.client.post("/generate", json=generation(model.id, wanted))
        scene.refused(answer, 422, "invalid_request", "/upscale")


@pytest.mark.parametrize("family", ["vae", "gan", "ldm", "ppca"])
def test_a_model_without_the_stage_says_how_to_have_one(scene: Any, family: str) -> None:
    answer = scene.client.post("/generate", json=generation(scene.model(family).id, 512))
    scene.refused(answer, 422, "upscale_unavailable", "/upscale")
    assert "stored at 512" in answer.json()["detail"]
