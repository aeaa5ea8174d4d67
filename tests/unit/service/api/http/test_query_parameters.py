from typing import Any


def test_a_query_parameter_that_an_operation_does_not_know_is_refused(scene: Any) -> None:
    answer = scene.client.get("/jobs?limt=3")
    scene.refused(answer, 422, "invalid_request", "/query/limt")
    assert "cursor, kind, limit, state" in answer.json()["errors"][0]["detail"]


def test_one_of_an_operation_without_any_is_refused_too(scene: Any) -> None:
    answer = scene.client.get("/datasets/ds_none?x")
    scene.refused(answer, 422, "invalid_request", "/query/x")
    assert "it has none" in answer.json()["errors"][0]["detail"]


def test_a_probe_of_what_is_public_may_add_what_it_likes(scene: Any) -> None:
    assert scene.client.get("/healthz?probe=1").status_code == 200
