import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from service.adapters.artifact_store import open_artifacts
from service.adapters.clock import SystemClock
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.api.http.server import server_config
from service.app import create_app
from service.context import AppContext
from service.domain.caller import SCOPES, Caller, Scope
from service.domain.dicomweb import DicomwebServer
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.record_ports import Records
from service.domain.records import (
    ArtifactRef,
    ClassSplit,
    Dataset,
    DatasetState,
    GeneratedSet,
    IngestedDataset,
    Model,
    SyntheticSet,
    TrainedModel,
)
from service.domain.requests import JobRequest
from service.key_management import IssuedKey, KeyManager
from service.settings import Settings
from tests.in_memory_queue import MemoryQueue
from tests.in_memory_records import MemoryStore
from tests.sample_records import generate_request, model_card, train_request

PHANTOM = {"class_counts": {"normal": 8, "effusion": 8}, "image_size": 64, "seed": 1}


PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # for plain HTTP: no certificates are read for it


class PromptServer(uvicorn.Server):
    """Ends within milliseconds where nobody is connected, which of itself takes it 0.15 s."""

    @override
    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(0.005)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
            await server.wait_closed()
        await self.lifespan.shutdown()


@dataclass
class Scene:
    """A service on the in-memory twins, and the workers' part played by hand."""

    context: AppContext
    app: FastAPI
    client: httpx.Client
    store: MemoryStore
    records: Records
    queue: MemoryQueue
    data_dir: Path
    server: uvicorn.Server

    def claimed(self, job_id: str) -> Job:
        taken = self.records.jobs.claim(job_id, worker="w", lease_seconds=30)
        assert taken is not None
        return taken

    def dataset(self, **changes: Any) -> Dataset:
        """A dataset that was ingested."""
        job = self.client.post("/datasets", json={"phantom": PHANTOM}).json()
        dataset = replace(
            self.records.catalog.dataset(job["request"]["dataset_id"]),
            **{
                "state": DatasetState.READY,
                "classes": {
                    "normal": ClassSplit(10, 7, included=2, holdout=1, test=2),
                    "effusion": ClassSplit(6, 4, included=1, holdout=1, test=1),
                },
                "image_size": 128,
                "bit_depth": 8,
                "fingerprint": "f" * 64,
                "version": "e" * 64,
            }
            | changes,
        )
        self.records.jobs.succeed(self.claimed(job["id"]).claim_held, IngestedDataset(dataset))
        self.queue.notified.clear()
        return dataset

    def model(self, family: str = "vae", **changes: Any) -> Model:
        """A model that was trained."""
        dataset = self.dataset()
        job = self._queued(JobKind.TRAIN, train_request(dataset_id=dataset.id))
        model = Model(
            id=new_id("mdl"),
            family=family,
            dataset_id=dataset.id,
            classes=("normal", "effusion"),
            image_size=64,
            config={},
            preset="tiny",
            images_seen=100,
            snapshot=ArtifactRef(f"models/{new_id('mdl')}/snapshot.safetensors", "a" * 64, 3),
            job_id=job.id,
            created_at=self.context.clock.now(),
            card=model_card(),
        )
        model = replace(model, **changes)
        self.records.jobs.succeed(self.claimed(job.id).claim_held, TrainedModel(model))
        return model

    def synthetic_set(self, made: SyntheticSet) -> None:
        """A set that was examined after every other one."""
        job = self._queued(JobKind.GENERATE, generate_request(model_id=made.model_id))
        claim = self.claimed(job.id).claim_held
        before = list(self.store.examined_sets)
        self.records.jobs.succeed(claim, GeneratedSet(made, examined_after=before))

    def _queued(self, kind: JobKind, request: JobRequest) -> Job:
        return self.records.jobs.submit(
            Job(
                id=new_id("job"),
                kind=kind,
                queue=kind.queue,
                state=JobState.QUEUED,
                request=request,
                created_at=self.context.clock.now(),
            )
        )

    @staticmethod
    def refused(answer: httpx.Response, status: int, code: str, pointer: str | None = None) -> None:
        """Expect a problem, and where a pointer is given, that it names the field."""
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        if pointer is not None:
            assert pointer in [field["pointer"] for field in answer.json()["errors"]]

    def key(self, *scopes: Scope, tenant: str = "default", name: str = "of a test") -> IssuedKey:
        """A key that some administrator made."""
        maker = Caller("key_of_the_operator", tenant, frozenset(SCOPES))
        manager = KeyManager(self.records.api_keys, self.context.clock, maker)
        return manager.create(name, scopes)

    def bearer(self, *scopes: Scope, tenant: str = "default") -> dict[str, str]:
        """The header of a caller with such a key."""
        return {"Authorization": f"Bearer {self.key(*scopes, tenant=tenant).secret}"}

    def num_jobs(self) -> int:
        return len(self.records.jobs.jobs(limit=1000).items)

    def files(self) -> list[Path]:
        return [path for path in self.data_dir.rglob("*") if path.is_file()]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A service that lets everybody in: what is asked of callers is tested by itself."""
    with opened_scene(tmp_path, auth="none") as scene:
        yield scene


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Scene]:
    """A service that asks for keys; its client shows none by itself."""
    with opened_scene(tmp_path) as scene:
        yield scene


@contextmanager
def opened_scene(tmp_path: Path, **changes: Any) -> Iterator[Scene]:
    roots = tmp_path / "roots"
    roots.mkdir()
    settings = Settings(
        **{"data_dir": tmp_path / "data", "dataset_roots": (roots,), "max_upload_bytes": 200_000}
        | changes
    )
    data_dir = settings.data_dir
    clock = SystemClock()
    store, queue = MemoryStore(clock), MemoryQueue()
    records = store.records()
    context = AppContext(
        records=records,
        artifacts=open_artifacts(settings),
        queue=queue,
        clock=clock,
        signing_keys=KeyRing(data_dir),
        secret_box=FileSecretBox(data_dir),
        webhook_rules=settings.webhook_rules,
        version="0",
        dataset_roots=(roots,),
        dicomweb_servers={
            "pacs": DicomwebServer("pacs", "https://pacs.example.org", frozenset({"read"})),
            "archive": DicomwebServer("archive", "https://a.example.org", frozenset({"push"})),
            "others": DicomwebServer("others", "https://o.example.org", tenants=frozenset("b")),
        },
    )
    app = create_app(settings, context)
    with (
        running(app) as server,
        httpx.Client(base_url=url_of(server), timeout=40, verify=PLAIN) as client,
    ):
        yield Scene(context, app, client, store, records, queue, data_dir, server)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Answer real HTTP from a thread."""
    with running(app) as server:
        yield url_of(server)


@contextmanager
def running(app: FastAPI) -> Iterator[uvicorn.Server]:
    """Run the server of an app in a thread."""
    config = server_config(
        app, Settings(), port=0, log_level="critical", timeout_graceful_shutdown=1
    )
    server = PromptServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield server
    server.should_exit = True
    thread.join()


def url_of(server: uvicorn.Server) -> str:
    port = server.servers[0].sockets[0].getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def client(scene: Scene) -> httpx.Client:
    return scene.client
