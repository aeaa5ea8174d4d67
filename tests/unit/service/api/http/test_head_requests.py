from typing import Any

import pytest


@pytest.mark.parametrize(
    "path", ["/healthz", "/version", "/openapi.yaml", "/datasets", "/jobs", "/datasets/ds_0", "/no"]
)
def test_the_head_of_an_answer_is_that_of_a_get_without_its_body(scene: Any, path: str) -> None:
    got, head = scene.client.get(path), scene.client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    varying = {"date", "x-request-id", "ratelimit", "ratelimit-policy"}
    for name in set(got.headers) - varying:
        assert head.headers[name] == got.headers[name]


def test_the_head_of_an_endless_stream_ends(scene: Any) -> None:
    body = {"dataset_id": scene.dataset().id, "family": "vae", "budget": {"images": 100}}
    job_id = scene.client.post("/train", json=body).json()["id"]
    head = scene.client.head(f"/jobs/{job_id}/events", headers={"Accept": "text/event-stream"})
    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
    assert head.content == b""


def test_what_only_takes_posts_has_no_head(scene: Any) -> None:
    assert scene.client.head("/train").status_code == 405


def test_the_head_needs_the_scopes_of_the_get(scene: Any) -> None:
    assert scene.client.head("/audit").status_code == scene.client.get("/audit").status_code
