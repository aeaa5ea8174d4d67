"""A worker that ends a job in the moment it is submitted, with made-up results and real records."""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field, replace

from typing_extensions import override

from release.gate.verdict import Verdict
from service.domain.errors import Problem
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind
from service.domain.ports import ArtifactStore, Clock
from service.domain.previews import picture_name, previews_folder
from service.domain.record_ports import Records
from service.domain.records import (
    ArtifactRef,
    ClassSplit,
    DatasetState,
    GeneratedSet,
    IngestedDataset,
    JobOutput,
    Model,
    PreviewedModel,
    SyntheticSet,
    TrainedModel,
)
from tests.in_memory_queue import MemoryQueue
from tests.sample_records import model_card

IMAGE = "images/normal/000000.png"  # which stands for every image of a set


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(IMAGE, b"pixels")
    return buffer.getvalue()


def _manifest(num_images: int) -> bytes:
    return json.dumps({"files": [{"path": IMAGE, "sha256": "00"}] * num_images}).encode()


PROBLEM = Problem("worker_lost", "The worker was lost.", retryable=True)


@dataclass
class InstantWorker(MemoryQueue):
    """Ends most jobs well; in turn one fails, and one is left waiting."""

    records: Records = field(kw_only=True)
    artifacts: ArtifactStore = field(kw_only=True)
    clock: Clock = field(kw_only=True)
    num_jobs: int = 0

    @override
    def notify(self, queue: str, job_id: str) -> None:
        self.num_jobs += 1
        if self.num_jobs % 8 == 7:
            return
        job = self.records.jobs.claim(job_id, worker="instant", lease_seconds=3600)
        if job is None:
            return
        if self.num_jobs % 8 == 0:
            self.records.jobs.fail(job.claim_held, PROBLEM)
        else:
            self.records.jobs.succeed(job.claim_held, self._made(job))

    def _made(self, job: Job) -> JobOutput:
        match job.kind:
            case JobKind.INGEST:
                return self._dataset(job)
            case JobKind.TRAIN:
                return self._model(job)
            case JobKind.GENERATE:
                return self._set(job)
            case JobKind.PREVIEW:
                return self._preview(job)
            case JobKind.PUSH:
                raise AssertionError("no server is allowed")

    def _dataset(self, job: Job) -> IngestedDataset:
        dataset = self.records.catalog.dataset(job.request.dataset_id)
        ready = replace(
            dataset,
            state=DatasetState.READY,
            classes={name: ClassSplit(20, 12, 3, 4, 4) for name in ("effusion", "normal")},
            image_size=128,
            bit_depth=8,
            version=hashlib.sha256(dataset.id.encode()).hexdigest(),
        )
        return IngestedDataset(ready)

    def _model(self, job: Job) -> TrainedModel:
        model_id = new_id("mdl")
        [snapshot] = self._published(job, f"models/{model_id}", {"snapshot.safetensors": b"{}"})
        dataset = self.records.catalog.dataset(job.request.dataset_id)
        model = Model(
            id=model_id,
            family=job.request.family,
            dataset_id=dataset.id,
            classes=tuple(dataset.classes),
            image_size=job.request.image_size,
            config=job.request.config,
            preset=job.request.preset,
            images_seen=128,
            snapshot=snapshot,
            job_id=job.id,
            created_at=self.clock.now(),
            card=model_card(),
        )
        return TrainedModel(model)

    def _set(self, job: Job) -> GeneratedSet:
        request = job.request
        num_images = sum(request.class_counts.values())
        contents = {"set.zip": _archive(), "manifest.json": _manifest(num_images)}
        contents |= {"report.html": b"{}", "findings.json": b"{}"}
        folder = f"synthetic-sets/{request.synthetic_set_id}-{job.id}"
        archive, manifest, report, findings = self._published(job, folder, contents)
        made = SyntheticSet(
            id=request.synthetic_set_id,
            model_id=request.model_id,
            job_id=job.id,
            num_images=num_images,
            class_counts=request.class_counts,
            zip=archive,
            manifest=manifest,
            created_at=self.clock.now(),
            dataset_id=request.dataset_id,
            verdict=Verdict("passed"),
            report=report,
            findings=findings,
        )
        releases = self.records.releases
        before = [
            *releases.examined_line(made.model_id),
            *releases.released_examinations(made.dataset_id),
        ]
        return GeneratedSet(made, examined_after=[each.id for each in before])

    def _preview(self, job: Job) -> PreviewedModel:
        pictures = {picture_name(place): b"picture" for place in range(len(job.request.classes))}
        self._published(job, previews_folder(job.id), pictures)
        return PreviewedModel(job.request.model_id)

    def _published(self, job: Job, folder: str, contents: dict[str, bytes]) -> list[ArtifactRef]:
        staged = self.artifacts.staging(f"{job.id}-1")
        found = []
        for name, content in contents.items():
            (staged / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            found.append(ArtifactRef(f"{folder}/{name}", digest, len(content)))
        self.artifacts.publish(staged, folder)
        return found
