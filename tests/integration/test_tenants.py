"""Two tenants use one service and see nothing of each other, on any route."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from release.gate.verdict import Verdict
from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.app import create_app
from service.context import AppContext
from service.domain.caller import SCOPES, Caller
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.record_ports import Records
from service.domain.records import (
    ArtifactRef,
    ClassSplit,
    DatasetState,
    GeneratedSet,
    IngestedDataset,
    Model,
    SyntheticSet,
    TrainedModel,
)
from service.settings import Settings
from tests.in_memory_queue import MemoryQueue
from tests.in_memory_records import MemoryStore
from tests.sample_records import model_card, white_box_audit
from tests.unit.service.conftest import served

PHANTOM = {"class_counts": {"normal": 8, "effusion": 8}, "image_size": 64, "seed": 1}
IDENTIFIER = re.compile(r"\b(ds|job|mdl|syn|key|del|wh|msg)_[0-9a-z]{26}\b")
KIND_OF_PARAMETER = {
    "dataset_id": "ds",
    "job_id": "job",
    "model_id": "mdl",
    "synthetic_set_id": "syn",
    "key_id": "key",
    "deletion_id": "del",
    "webhook_id": "wh",
    "message_id": "msg",
}
NO_RECORD = {"index": "0", "place": "0"}  # parameters of paths that name no record by themselves
REQUESTS = [
    {},
    {"headers": {"Accept": "text/event-stream", "If-None-Match": "*"}},
    {"headers": {"Range": "bytes=0-1", "Accept": "application/json"}},
]
BODIES = {
    "/synthetic-sets/{synthetic_set_id}/push": {"json": {"server": "pacs"}},
    "/models/{model_id}/previews": {"json": {"columns": [{}]}},
}


@dataclass
class SharedService:
    """A service with two tenants, and the workers' part played by hand."""

    records: Records
    queue: MemoryQueue
    a: httpx.Client
    b: httpx.Client
    app: FastAPI
    context: AppContext

    def claimed(self, job_id: str) -> Job:
        taken = self.records.jobs.claim(job_id, worker="w", lease_seconds=30)
        assert taken
        return taken

    def dataset(self, client: httpx.Client) -> str:
        job = client.post("/datasets", json={"name": "of-a", "phantom": PHANTOM}).json()
        dataset = replace(
            self.records.catalog.dataset(job["request"]["dataset_id"]),
            state=DatasetState.READY,
            classes={"normal": ClassSplit(10, 7, 2, 1, 2), "effusion": ClassSplit(6, 4, 1, 1, 1)},
            image_size=64,
            bit_depth=8,
            fingerprint="f" * 64,
            version="e" * 64,
        )
        claim = self.claimed(job["id"]).claim_held
        self.records.jobs.succeed(claim, IngestedDataset(dataset, [1, 2, 3]))
        return dataset.id

    def model(self, client: httpx.Client, dataset_id: str) -> Model:
        body = {"dataset_id": dataset_id, "family": "vae", "budget": {"images": 100}}
        job = client.post("/train", json=body).json()
        name = new_id("mdl")
        model = Model(
            id=name,
            family="vae",
            dataset_id=dataset_id,
            classes=("normal", "effusion"),
            image_size=64,
            config={},
            preset="tiny",
            images_seen=100,
            snapshot=ArtifactRef(f"models/{name}/snapshot.safetensors", "a" * 64, 3),
            job_id=job["id"],
            created_at=datetime.now(UTC),
            card=model_card(white_box=white_box_audit()),
        )
        folder = self.context.artifacts.path(f"models/{name}")
        folder.mkdir(parents=True)
        (folder / "snapshot.safetensors").write_bytes(b"abc")
        (folder / "samples.png").write_bytes(b"png")
        self.records.jobs.succeed(self.claimed(job["id"]).claim_held, TrainedModel(model))
        return model

    def synthetic_set(self, client: httpx.Client, model: Model, verdict: Verdict) -> str:
        body = {"model_id": model.id, "class_counts": {"normal": 4}, "seed": 3}
        job = client.post("/generate", json=body).json()
        name = job["request"]["synthetic_set_id"]
        folder = f"synthetic-sets/{name}-0"
        files = ("set.zip", "manifest.json", "report.html", "findings.json")
        for file in (*files, "report.json"):
            path = self.context.artifacts.path(f"{folder}/{file}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        zipped, manifest, report, findings = (
            ArtifactRef(f"{folder}/{file}", "1" * 64, 2) for file in files
        )
        made = SyntheticSet(
            id=name,
            model_id=model.id,
            job_id=job["id"],
            num_images=4,
            class_counts={"normal": 4},
            zip=zipped if verdict.released else None,
            manifest=manifest if verdict.released else None,
            created_at=datetime.now(UTC),
            dataset_id=model.dataset_id,
            verdict=verdict,
            report=report,
            findings=findings,
        )
        known = self.records.releases.examined_sets(model.id)
        after = [each.id for each in known]
        self.records.jobs.succeed(
            self.claimed(job["id"]).claim_held, GeneratedSet(made, examined_after=after)
        )
        return name


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SharedService]:
    engine = None
    if request.param == "memory":
        records = MemoryStore(SystemClock()).records()
    else:
        engine = open_engine(request.getfixturevalue("database_urls")(request.param))
        records = sql_records(engine, SystemClock())
    queue, settings = MemoryQueue(), Settings(data_dir=tmp_path / "data", auth="none")
    context = AppContext(
        records=records,
        artifacts=LocalArtifacts(settings.data_dir),
        queue=queue,
        clock=SystemClock(),
        signing_keys=KeyRing(settings.data_dir),
        version="0",
        secret_box=FileSecretBox(settings.data_dir),
    )

    def app_of(tenant: str) -> FastAPI:
        caller = Caller(f"key_{tenant}", tenant, frozenset(SCOPES))
        return create_app(settings, replace(context, caller=caller))

    app = app_of("b")
    with (
        served(app_of("a")) as of_a,
        served(app) as of_b,
        httpx.Client(base_url=of_a, timeout=60) as a,
        httpx.Client(base_url=of_b, timeout=60) as b,
    ):
        yield SharedService(records, queue, a, b, app, context)
    if engine:
        engine.dispose()


@pytest.fixture
def owned(shared: SharedService) -> dict[str, str]:
    """One record of each kind of tenant A, by the prefix of its identifier; the job waits."""
    dataset_id = shared.dataset(shared.a)
    model = shared.model(shared.a, dataset_id)
    set_id = shared.synthetic_set(shared.a, model, Verdict("passed"))
    body = {"dataset_id": dataset_id, "family": "vae", "budget": {"images": 100}}
    key = {"Idempotency-Key": "both"}
    job = shared.a.post("/train", json=body, headers=key).json()
    made = shared.a.post("/keys", json={"name": "ci", "scopes": ["train"]}).json()
    names = {"ds": dataset_id, "mdl": model.id, "syn": set_id, "job": job["id"]}
    gone = shared.a.delete(f"/datasets/{shared.dataset(shared.a)}").json()
    webhook = shared.a.post("/webhooks", json={"url": "https://a.example.org/"}).json()["id"]
    message = shared.a.post(f"/webhooks/{webhook}/test").json()["id"]
    others = {"key": made["id"], "del": gone["id"], "wh": webhook, "msg": message}
    return names | others


def operations(app: FastAPI) -> list[tuple[str, str]]:
    """List the method and path of every operation of the app."""
    return sorted(
        (method, str(found.path))
        for found in iter_route_contexts(app.routes)
        if isinstance(found.original_route, APIRoute)
        for method in found.methods or ()
    )


def filled(path: str, ids: dict[str, str]) -> str:
    """Fill a path's parameters; one that is not known here must be added above."""

    def value(found: re.Match[str]) -> str:
        name = found[1]
        return NO_RECORD[name] if name in NO_RECORD else ids[KIND_OF_PARAMETER[name]]

    return re.sub(r"\{(\w+)\}", value, path)


def unknown() -> dict[str, str]:
    return {kind: new_id(kind) for kind in KIND_OF_PARAMETER.values()}


def comparable(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """Return all of an answer but what names the request: its time, number and identifiers."""
    varies = {"date", "x-request-id", "ratelimit"}
    headers = {name: value for name, value in answer.headers.items() if name not in varies}
    text = answer.text.replace(answer.headers["x-request-id"], "REQUEST")
    return answer.status_code, headers, IDENTIFIER.sub("ID", text)


def example_bodies(app: FastAPI) -> list[tuple[str, str, Any]]:
    """List method, path and body of every example of a JSON body that names a record."""
    document = yaml.load(app.state.openapi_yaml(), Loader=yaml.CSafeLoader)
    schemas = document["components"]["schemas"]
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
            schema = schemas.get(reference.rpartition("/")[2], {})
            named = {name for name in schema.get("properties", {}) if name.endswith("_id")}
            examples = schema.get("examples", [])
            assert named <= {name for each in examples for name in each}, (path, named)
            found += [(method, path, each) for each in examples if named]
    return found


def everything(client: httpx.Client) -> dict[str, Any]:
    """Read all that a tenant can list."""
    lists = ("/datasets", "/jobs", "/models", "/synthetic-sets", "/keys", "/deletions", "/webhooks")
    return {path: client.get(path).json()["items"] for path in lists}


def test_another_tenants_record_is_as_unknown_on_every_route(
    shared: SharedService, owned: dict[str, str]
) -> None:
    before = everything(shared.a)
    compared = 0
    for method, path in operations(shared.app):
        if "{" not in path:
            continue
        for options in (each | BODIES.get(path, {}) for each in REQUESTS):
            foreign = shared.b.request(method, filled(path, owned), **options)
            none = shared.b.request(method, filled(path, unknown()), **options)
            assert none.status_code == 404, (method, path)
            assert comparable(foreign) == comparable(none), (method, path, options)
            compared += 1
    assert compared > 50
    assert everything(shared.a) == before


def test_a_body_that_names_another_tenants_record_is_answered_as_an_unknown_one(
    shared: SharedService, owned: dict[str, str]
) -> None:
    before = everything(shared.a)
    bodies = example_bodies(shared.app)
    assert {path for _, path, _ in bodies} >= {"/train", "/generate"}
    for method, path, body in bodies:
        answers = []
        for ids in (owned, unknown()):
            named = IDENTIFIER.sub(lambda found, ids=ids: ids[found[1]], json.dumps(body))
            headers = {"Content-Type": "application/json", "Idempotency-Key": new_id("key")}
            answers.append(shared.b.request(method, path, content=named, headers=headers))
        assert answers[1].status_code == 404
        assert comparable(answers[0]) == comparable(answers[1]), (method, path)
    assert everything(shared.a) == before
    assert everything(shared.b) == {path: [] for path in before}


def test_lists_and_cursors_show_nothing_of_another_tenant(
    shared: SharedService, owned: dict[str, str]
) -> None:
    for method, path in operations(shared.app):
        if method != "GET" or "{" in path or path in {"/openapi.yaml", "/openapi.json"}:
            continue
        assert not IDENTIFIER.search(shared.b.get(path).text), path
    for path in everything(shared.a):
        cursor = shared.a.get(path, params={"limit": 1}).json()["next_cursor"]
        later = f"{int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())}000000-x"
        for start in filter(None, (cursor, later)):
            page = shared.b.get(path, params={"cursor": start}).json()
            assert page == {"items": [], "next_cursor": None}


def test_two_tenants_may_use_the_same_idempotency_key(
    shared: SharedService, owned: dict[str, str]
) -> None:
    dataset_id = shared.dataset(shared.b)
    body = {"dataset_id": dataset_id, "family": "vae", "budget": {"images": 100}}
    key = {"Idempotency-Key": "both"}
    first = shared.b.post("/train", json=body, headers=key)
    assert (first.status_code, first.json()["queue_position"]) == (202, 0)
    assert shared.b.post("/train", json=body, headers=key).json()["id"] == first.json()["id"]
    assert first.json()["id"] != owned["job"]
    assert shared.b.post("/train", json={**body, "seed": 9}, headers=key).status_code == 422


def test_a_set_that_was_refused_elsewhere_blocks_equal_weights_and_is_not_named(
    shared: SharedService,
) -> None:
    refused = Verdict("refused", code="copies", reasons=("Copies.",))
    theirs = shared.model(shared.a, shared.dataset(shared.a))
    foreign = shared.synthetic_set(shared.a, theirs, refused)
    equal = shared.model(shared.b, shared.dataset(shared.b))
    audit = shared.b.get(f"/models/{equal.id}/audit")
    assert audit.json()["sets"] == []
    assert audit.json()["weights"]["cleared"] is False
    weights = shared.b.get(f"/models/{equal.id}/weights")
    assert weights.json()["code"] == "weights_not_cleared"
    for answer in (audit, weights):
        assert foreign not in answer.text
        assert theirs.id not in answer.text
    assert foreign in shared.a.get(f"/models/{theirs.id}/audit").text


def test_the_folders_of_the_server_are_the_default_tenants(tmp_path: Path) -> None:
    own, all_ = tmp_path / "own", tmp_path / "all"
    terms = {"a": {"dataset_roots": [str(own)]}, "c": {"max_queued_jobs": 1}}
    settings = Settings(dataset_roots=(all_,), tenants=terms, max_queued_jobs=5)
    records = MemoryStore(SystemClock()).records()
    context = AppContext(
        records=records,
        artifacts=LocalArtifacts(tmp_path),
        queue=MemoryQueue(),
        clock=SystemClock(),
        signing_keys=KeyRing(tmp_path),
        version="0",
        dataset_roots=settings.dataset_roots,
        quotas=settings.quotas,
        tenants=settings.tenant_terms,
    )
    seen = {name: context.of_caller(Caller("key", name)) for name in ("default", "a", "b", "c")}
    roots = {name: each.dataset_roots for name, each in seen.items()}
    assert roots == {"default": (all_,), "a": (own,), "b": (), "c": ()}
    assert [seen[name].quotas.max_queued_jobs for name in "abc"] == [5, 5, 1]


def test_what_a_job_makes_is_its_tenants(shared: SharedService, owned: dict[str, str]) -> None:
    for tenant, there in (("a", True), ("b", False)):
        own = shared.records.of_tenant(tenant)
        assert bool(own.catalog.models().items) is there
        assert bool(own.releases.released_examinations(owned["ds"])) is there
        assert bool(own.releases.releases(owned["ds"])) is there
        assert bool(own.catalog.newest_split_dataset()) is there
    assert {job.tenant for job in shared.records.jobs.jobs().items} == {"a"}
    assert shared.records.jobs.queued_jobs(JobKind.TRAIN.queue)[0].state is JobState.QUEUED
