"""Whatever is sent, the answer is a documented one and never a 5xx.

`SYNTHCXR_FUZZ_CASES` sets how many requests are sent in all at least: to each operation some as
described in openapi.yaml and, where possible, as many broken on purpose; half of either name
records that exist. An operation without parameters is soon exhausted.
"""

import io
import math
import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
import yaml
from hypothesis import strategies
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from release.gate.verdict import Verdict
from service import examples
from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.api.waiting.waiting import Waiting
from service.app import create_app
from service.context import AppContext
from service.domain.api_keys import ApiKey
from service.domain.caller import SCOPES, Caller
from service.domain.job import Job, JobKind, JobState
from service.domain.records import (
    ArtifactRef,
    ClassSplit,
    Dataset,
    DatasetState,
    Model,
    SyntheticSet,
)
from service.domain.requests import DatasetSource
from service.key_management import KeyManager
from service.settings import Settings
from tests.contract.running_server import running
from tests.in_memory_queue import MemoryQueue
from tests.in_memory_records import MemoryStore
from tests.sample_records import model_card, train_request

NUM_CASES = int(os.environ.get("SYNTHCXR_FUZZ_CASES", "300"))
MAX_WAIT_SECONDS = 0.02
DOCUMENT = yaml.load(Path("openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
for item in DOCUMENT["paths"].values():
    item.pop("head", None)  # answered by the same code as a GET
DOCUMENT_OF = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}


def can_be_broken(operation: dict[str, Any]) -> bool:
    """Say whether a request can differ from its description: any text is a possible path."""
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    return "query" in places or "requestBody" in operation


ENDLESS = {label for label, operation in DOCUMENT_OF.items() if "parameters" in operation}
STRATEGIES = [
    (label, mode)
    for label, operation in DOCUMENT_OF.items()
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if mode is GenerationMode.POSITIVE or can_be_broken(operation)
]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = {
    "key_id": examples.KEY_ID,
    "job_id": examples.JOB_ID,
    "dataset_id": examples.DATASET_ID,
    "model_id": examples.MODEL_ID,
    "synthetic_set_id": examples.SET_ID,
}
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
NUM_ENDLESS = sum(label in ENDLESS for label, _ in STRATEGIES)


class Seeded(MemoryStore):
    """Records in which the identifiers of the examples exist, again before every request."""

    def seed(self, made: SyntheticSet) -> None:
        job = Job(
            id=examples.JOB_ID,
            kind=JobKind.TRAIN,
            queue=JobKind.TRAIN.queue,
            state=JobState.FAILED,
            request=train_request(dataset_id=examples.DATASET_ID),
            created_at=MOMENT,
        )
        dataset = Dataset(
            id=examples.DATASET_ID,
            name="images",
            state=DatasetState.READY,
            source=DatasetSource(path="/radiographs"),
            created_at=MOMENT,
            job_id=examples.JOB_ID,
            classes={
                "normal": ClassSplit(9, 6, holdout=3),
                "effusion": ClassSplit(8, 6, holdout=2),
            },
            image_size=128,
            bit_depth=8,
            version="e" * 64,
        )
        model = Model(
            id=examples.MODEL_ID,
            family="vae",
            dataset_id=examples.DATASET_ID,
            classes=("normal", "effusion"),
            image_size=64,
            config={},
            preset="tiny",
            images_seen=1,
            snapshot=ArtifactRef("models/mdl/snapshot.safetensors", "0" * 64, 1),
            job_id=examples.JOB_ID,
            created_at=MOMENT,
            card=model_card(),
        )
        self.api_keys[examples.KEY_ID] = ApiKey(
            id=examples.KEY_ID,
            name="research pipeline",
            tenant="default",
            scopes=("train",),
            created_at=MOMENT,
            created_by="fuzz",
            shown="synthcxr_000000",
            secret_sha256="0" * 64,
        )
        self.jobs = {job.id: job}
        self.logs = {job.id: []}
        self.keys = {}
        self.datasets[dataset.id] = dataset
        self.models[model.id] = model
        self.synthetic_sets[made.id] = made


class Target:
    """A running service whose records are as good as new before every request."""

    def __init__(self, folder: Path) -> None:
        self.store = Seeded(SystemClock())
        self.artifacts = LocalArtifacts(folder)
        context = AppContext(
            self.store.records(),
            self.artifacts,
            MemoryQueue(),
            SystemClock(),
            KeyRing(folder),
            "0",
            secret_box=FileSecretBox(folder),
        )
        self.app = create_app(Settings(data_dir=folder, log_level="CRITICAL"), context)
        self.made = self._publish_set()
        self.bearer = {"Authorization": f"Bearer {self._admins_key(context)}"}

    def restore(self) -> None:
        self.store.seed(self.made)
        if not self.artifacts.path(self.made.zip.key).exists():
            self._publish_set()

    def _admins_key(self, context: AppContext) -> str:
        """Make a key that may do everything; what it makes or revokes does not concern it."""
        maker = Caller("fuzz", scopes=frozenset(SCOPES))
        manager = KeyManager(context.records.api_keys, context.clock, maker)
        return manager.create("of everything", SCOPES).secret

    def _publish_set(self) -> SyntheticSet:
        staged = self.artifacts.staging("set")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("images/normal/000000.png", b"pixels")
        manifest = b'{"files": [{"path": "images/normal/000000.png", "sha256": "00"}]}'
        (staged / "set.zip").write_bytes(buffer.getvalue())
        (staged / "manifest.json").write_bytes(manifest)
        key = f"synthetic-sets/{examples.SET_ID}-0"
        self.artifacts.publish(staged, key)
        digest = sha256(buffer.getvalue()).hexdigest()
        return SyntheticSet(
            id=examples.SET_ID,
            model_id=examples.MODEL_ID,
            job_id=examples.JOB_ID,
            num_images=1,
            class_counts={"normal": 1},
            zip=ArtifactRef(f"{key}/set.zip", digest, len(buffer.getvalue())),
            manifest=ArtifactRef(f"{key}/manifest.json", "1" * 64, len(manifest)),
            created_at=MOMENT,
            dataset_id=examples.DATASET_ID,
            verdict=Verdict("passed"),
            report=ArtifactRef(f"{key}/report.html", "2" * 64, 1),
            findings=ArtifactRef(f"{key}/findings.json", "3" * 64, 1),
        )


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture(scope="module")
def url(target: Target) -> Iterator[str]:
    with running(target.app) as url:
        yield url


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Waiting.for_job

    async def wait_briefly(
        waiting: Waiting, context: AppContext, job_id: str, enough: Any, seconds: float
    ) -> Job:
        return await wait(waiting, context, job_id, enough, min(seconds, MAX_WAIT_SECONDS))

    monkeypatch.setattr(Waiting, "for_job", wait_briefly)


def name_known_records(case: Case) -> None:
    """Replace identifiers that were made up by those that exist."""
    for name in case.path_parameters or {}:
        if name in KNOWN:
            case.path_parameters[name] = KNOWN[name]
    if isinstance(case.body, dict):
        for name in set(KNOWN) & set(case.body):
            case.body[name] = KNOWN[name]


@pytest.mark.parametrize(("label", "mode"), STRATEGIES)
def test_every_answer_is_documented(
    target: Target, url: str, label: str, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.update(base_url=url)
    [operation] = [found.ok() for found in schema.get_all_operations() if found.ok().label == label]
    num_cases = math.ceil(NUM_CASES / NUM_ENDLESS)
    num_sent = 0

    @hypothesis.settings(
        max_examples=num_cases,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(
        case=operation.as_strategy(generation_mode=mode),
        known=strategies.booleans(),
        no_key=strategies.sampled_from([True, *[False] * 9]),
    )
    def send(case: Case, known: bool, no_key: bool) -> None:
        nonlocal num_sent
        target.restore()
        if known:
            name_known_records(case)
        case.call_and_validate(checks=CHECKS, headers=None if no_key else target.bearer)
        num_sent += 1

    send()
    assert num_sent >= num_cases or label not in ENDLESS
