"""A service for the console: a real API behind a port, and a worker that follows a script.

What it makes is made up: a dataset, a model that learns over a second or two, sets of a few drawn
images with the made-up reports of `tests.unit.release.report.conftest`. The records are real.
"""

import base64
import hashlib
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from PIL import Image, ImageDraw
from typing_extensions import override

from release.gate.verdict import Verdict
from release.report.certificate import certificate
from release.report.schema import Report, canonical_json
from service.adapters.clock import SystemClock
from service.adapters.listed_files import CONTACT_SHEET, DROPPED
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import sql_records
from service.api.http.server import server_config
from service.app import create_app
from service.context import AppContext
from service.domain.caller import SCOPES, Caller
from service.domain.job import Claim, EventKind, Job, JobKind, JobProgress
from service.domain.previews import picture_name, previews_folder
from service.domain.records import (
    DroppedFile,
    GeneratedSet,
    IngestedDataset,
    PreviewedModel,
    SyntheticSet,
    TrainedModel,
)
from service.domain.release_plan import ReleasePlan
from service.key_management import IssuedKey, KeyManager
from service.settings import Settings
from tests.instant_worker import InstantWorker
from tests.unit.release.report.conftest import values

NUM_STEPS = 8
NUM_IMAGES = 4
# of no class more than three quarters
RELEASE_PLAN = ReleasePlan(
    num_patients=1800,
    membership=(0.02, 0.03),
    max_membership=0.05,
    class_shares={"effusion": 0.5, "normal": 0.5},
    num_needed=100,
    max_excess=((100, 1.5),),
)


def drawn(size: int = 64) -> bytes:
    """Draw a picture that shows nobody."""
    image = Image.new("L", (size, size), 20)
    ImageDraw.Draw(image).ellipse((8, 8, size - 8, size - 8), fill=160)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class ScriptedWorker(InstantWorker):
    """Does each job at once, but trains step by step.

    Attributes:
        refuses: Whether the next set is refused.
        step_seconds: Time of a step of a training.
        steps: Set while a training may go on.
    """

    refuses: bool = False
    step_seconds: float = 0.05
    steps: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @override
    def notify(self, queue: str, job_id: str) -> None:
        job = self.records.jobs.claim(job_id, worker="scripted", lease_seconds=3600)
        if job is None:
            return
        work = self._train if job.kind is JobKind.TRAIN else self._at_once
        thread = threading.Thread(target=work, args=(job,))
        self.threads.append(thread)
        thread.start()

    def _at_once(self, job: Job) -> None:
        self.records.jobs.succeed(job.claim_held, self._made(job))

    def _train(self, job: Job) -> None:
        claim: Claim = job.claim_held
        for step in range(NUM_STEPS):
            self.steps.wait(30)
            fraction = (step + 1) / NUM_STEPS
            seen = 100 * (step + 1)
            progress = JobProgress("training", seen, 100 * NUM_STEPS, fraction, 50.0, 2.0, 4.0)
            preview = base64.b64encode(drawn()).decode()
            data = {"images_seen": seen, "class_indices": [0], "png_base64": preview}
            self.records.jobs.record(
                claim, progress=progress, metrics=_measured(step), events=[(EventKind.SAMPLE, data)]
            )
            if self.records.jobs.heartbeat(claim, 3600):
                self.records.jobs.finish_cancelled(claim)
                return
            time.sleep(self.step_seconds)
        made = self._made(job)
        assert isinstance(made, TrainedModel)
        self.records.jobs.succeed(claim, made)

    @override
    def _dataset(self, job: Job) -> IngestedDataset:
        dataset = super()._dataset(job).dataset
        dropped = asdict(DroppedFile("normal/2.png", "The file ends too early.", "truncated"))
        files = {CONTACT_SHEET: _side_by_side(8, 2), DROPPED: json.dumps(dropped).encode() + b"\n"}
        folder = f"datasets/{dataset.id}"
        [sheet, _] = self._published(job, folder, files)
        ready = replace(
            dataset,
            dropped_counts={"truncated": 1},
            artifact=replace(sheet, key=folder),
            summary={"release_plan": RELEASE_PLAN.to_json()},
        )
        return IngestedDataset(ready)

    @override
    def _model(self, job: Job) -> TrainedModel:
        model = super()._model(job).model
        samples = self.artifacts.path(f"{model.snapshot.folder}/samples.png")
        samples.write_bytes(_side_by_side(4, 2))
        curve = [
            {"phase": "training", "images_seen": 100 * (step + 1), **_measured(step)}
            for step in range(NUM_STEPS)
        ]
        return TrainedModel(replace(model, card=replace(model.card, learning_curve=tuple(curve))))

    @override
    def _preview(self, job: Job) -> PreviewedModel:
        sides = len(job.request.columns), job.request.images_per_class
        pictures = {
            picture_name(place): _side_by_side(*sides) for place in range(len(job.request.classes))
        }
        self._published(job, previews_folder(job.id), pictures)
        return PreviewedModel(job.request.model_id)

    @override
    def _set(self, job: Job) -> GeneratedSet:
        outcome = "refused" if self.refuses else "passed"
        report = Report.model_validate(values(outcome, "memorises" if self.refuses else None))
        files = {
            "report.html": b"<!doctype html><title>Report</title>",
            "report.json": report.to_json(),
            "certificate.json": canonical_json(certificate(report)),
            "certificate.html": b"<!doctype html><title>Certificate</title>",
            "findings.json": b"{}",
        }
        if not self.refuses:
            files |= {"set.zip": _package(), "manifest.json": _manifest()}
        folder = f"synthetic-sets/{job.request.synthetic_set_id}-{job.id}"
        stored = dict(zip(files, self._published(job, folder, files), strict=True))
        labels = job.request.class_counts
        verdict = Verdict(
            outcome,
            "memorises" if self.refuses else None,
            reasons=tuple(report.verdict.reasons),
            remedies=tuple(report.verdict.remedies),
        )
        made = SyntheticSet(
            id=job.request.synthetic_set_id,
            model_id=job.request.model_id,
            job_id=job.id,
            num_images=0 if self.refuses else NUM_IMAGES,
            class_counts={} if self.refuses else dict.fromkeys(labels, NUM_IMAGES // len(labels)),
            zip=stored.get("set.zip"),
            manifest=stored.get("manifest.json"),
            created_at=self.clock.now(),
            dataset_id=job.request.dataset_id,
            verdict=verdict,
            report=stored["report.html"],
            findings=stored["findings.json"],
        )
        releases = self.records.releases
        before = [
            *releases.examined_sets(made.model_id),
            *releases.released_examinations(made.dataset_id),
        ]
        return GeneratedSet(made, examined_after=[each.id for each in before])


def _measured(step: int) -> dict[str, float]:
    """Make up what is measured at a step of a training: ever less."""
    kid = 0.5 - (step + 1) / NUM_STEPS / 4
    return {"loss": 1 / (step + 1), "kid": kid, "kid_low": kid - 0.1, "kid_high": kid + 0.1}


def _side_by_side(num_columns: int, num_rows: int) -> bytes:
    """Draw pictures in rows and columns, the columns ever brighter."""
    sheet = Image.new("L", (66 * num_columns - 2, 66 * num_rows - 2))
    for column in range(num_columns):
        image = Image.open(io.BytesIO(drawn())).point(lambda grey, by=40 * column: grey + by)
        for row in range(num_rows):
            sheet.paste(image, (66 * column, 66 * row))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _package() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for index in range(NUM_IMAGES):
            archive.writestr(f"images/normal/{index:06}.png", drawn())
    return buffer.getvalue()


def _manifest() -> bytes:
    digest = hashlib.sha256(drawn()).hexdigest()
    paths = [f"images/normal/{index:06}.png" for index in range(NUM_IMAGES)]
    return json.dumps({"files": [{"path": path, "sha256": digest} for path in paths]}).encode()


@dataclass
class ConsoleService:
    """A service that a browser can open.

    Attributes:
        url: Where it answers.
        key: Of a caller with every scope.
        worker: Does its jobs.
        keys: Makes and ends keys.
        start: Starts its server, on the same port as before.
        stop: Ends its server; the records stay.
        require_approvals: Asks for so many approvals of each set from now on.
    """

    url: str
    key: IssuedKey
    worker: ScriptedWorker
    keys: KeyManager
    start: Callable[[], None]
    stop: Callable[[], None]
    require_approvals: Callable[[int], None]


@contextmanager
def console_service(folder: Path) -> Iterator[ConsoleService]:
    """Run a service while the block lasts."""
    engine = open_engine(f"sqlite:///{folder / 'synthcxr.db'}")
    migrate(engine)
    clock, artifacts = SystemClock(), LocalArtifacts(folder)
    records = sql_records(engine, clock)
    worker = ScriptedWorker(records=records, artifacts=artifacts, clock=clock)
    worker.steps.set()
    context = AppContext(
        records, artifacts, worker, clock, KeyRing(folder), "0", secret_box=FileSecretBox(folder)
    )
    keys = KeyManager(records.api_keys, clock, Caller("test", "default", frozenset(SCOPES)))
    settings = Settings(data_dir=folder, log_level="CRITICAL")
    running: list[tuple[uvicorn.Server, threading.Thread]] = []
    apps: list[FastAPI] = []
    port = 0

    def start() -> None:
        nonlocal port
        app = create_app(settings, context)
        apps.append(app)
        config = server_config(
            app,
            settings,
            port=port,
            log_level="critical",
            timeout_graceful_shutdown=0,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        running.append((server, thread))

    def stop() -> None:
        server, thread = running.pop()
        server.should_exit = server.force_exit = True
        thread.join()

    def require_approvals(required: int) -> None:
        apps[-1].state.context = replace(context, required_approvals=required)

    start()
    issued = keys.create("of the test", SCOPES)
    try:
        yield ConsoleService(
            f"http://127.0.0.1:{port}", issued, worker, keys, start, stop, require_approvals
        )
    finally:
        worker.steps.set()
        for thread in worker.threads:
            thread.join()
        if running:
            stop()
        engine.dispose()
