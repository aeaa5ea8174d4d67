from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import Request

from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.signing_keys import KeyRing
from service.api.http.rate_limits import RateLimits
from service.app import create_app
from service.context import AppContext
from service.domain.caller import Caller
from service.domain.errors import RateLimited
from service.domain.quotas import Quotas
from service.settings import Settings
from tests.in_memory_queue import MemoryQueue
from tests.in_memory_records import MemoryStore
from tests.unit.service.conftest import served

PHANTOM = {"class_counts": {"normal": 8, "effusion": 8}, "image_size": 64}
UNLIMITED = {"/healthz", "/readyz"}


def context_in(folder: Path, **changes: Any) -> AppContext:
    clock = SystemClock()
    context = AppContext(
        records=MemoryStore(clock).records(),
        artifacts=LocalArtifacts(folder),
        queue=MemoryQueue(),
        clock=clock,
        signing_keys=KeyRing(folder),
        version="0",
    )
    return replace(context, **changes)


def asked_by(address: str) -> Request:
    client, state = SimpleNamespace(host=address), SimpleNamespace()
    return cast("Request", SimpleNamespace(client=client, state=state))


def test_answers_say_what_is_left_and_past_the_limit_when_to_ask_again(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, auth="none", max_requests_per_minute=3)
    app = create_app(settings, context_in(tmp_path))
    with served(app) as url, httpx.Client(base_url=url) as client:
        answers = [client.get(path) for path in ("/jobs", "/jobs/job_none", "/datasets")]
        assert [each.status_code for each in answers] == [200, 404, 200]
        assert {each.headers["ratelimit-policy"] for each in answers} == {'"requests";q=3;w=60'}
        left = [each.headers["ratelimit"].partition(";t=") for each in answers]
        assert [each[0] for each in left] == [f'"requests";r={n}' for n in (2, 1, 0)]
        assert all(1 <= int(each[2]) <= 60 for each in left)
        refused = client.get("/jobs")
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert refused.json()["retryable"] is True
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
        for path in UNLIMITED:
            answer = client.get(path)
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers


def test_a_refused_request_changes_nothing(tmp_path: Path) -> None:
    context = context_in(tmp_path)
    app = create_app(Settings(data_dir=tmp_path, auth="none", max_requests_per_minute=1), context)
    with served(app) as url, httpx.Client(base_url=url) as client:
        client.get("/jobs")
        upload = {"file": ("images.zip", b"PK\x03\x04")}
        assert client.post("/datasets", files=upload).status_code == 429
    assert context.records.jobs.jobs().items == []
    assert not list((tmp_path / "uploads").glob("*"))


def test_each_caller_has_their_own_limit() -> None:
    limits, request = RateLimits(1, 0), asked_by("192.0.2.1")
    limits.admit(request, Caller("key_a"))
    limits.admit(request, Caller("key_b"))
    with pytest.raises(RateLimited):
        limits.admit(request, Caller("key_a"))


def test_failed_authentications_are_counted_by_address() -> None:
    limits = RateLimits(1, 2)
    for _ in range(2):
        limits.count_failure(asked_by("192.0.2.1"))
    limits.count_failure(asked_by("192.0.2.2"))
    with pytest.raises(RateLimited):
        limits.count_failure(asked_by("192.0.2.1"))
    limits.admit(asked_by("192.0.2.1"), Caller("key_a"))


def test_without_a_limit_nothing_is_counted_or_said() -> None:
    limits, request = RateLimits(0, 0), asked_by("192.0.2.1")
    limits.admit(request, Caller("key_a"))
    limits.count_failure(request)
    assert not hasattr(request.state, "allowance")


def test_a_quota_is_named_with_its_use_and_leaves_no_upload(tmp_path: Path) -> None:
    context = context_in(tmp_path, quotas=Quotas(max_stored_bytes=16 * 64 * 64))
    with (
        served(create_app(Settings(data_dir=tmp_path, auth="none"), context)) as url,
        httpx.Client(base_url=url) as client,
    ):
        assert client.post("/datasets", json={"phantom": PHANTOM}).status_code == 202
        upload = {"file": ("images.zip", b"PK\x03\x04")}
        for answer in (
            client.post("/datasets", json={"phantom": PHANTOM}),
            client.post("/datasets", files=upload),
        ):
            assert (answer.status_code, answer.json()["code"]) == (429, "quota_exceeded")
            assert "65,536 stored bytes: 65,536 are used" in answer.json()["detail"]
            assert "when you delete a dataset" in answer.json()["detail"]
    assert len(context.records.catalog.datasets().items) == 1
    assert not list((tmp_path / "uploads").glob("*"))
