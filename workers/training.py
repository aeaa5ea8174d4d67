"""The train job: from a dataset and a configuration to a model."""

from __future__ import annotations

import base64
import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.diagnosis import Finding, memorising
from models.family import Family
from models.films import Films
from models.registry import sampler_class
from models.sampling import MICRO_BATCH, sample_pixels
from models.seeding import image_seed
from models.snapshot import DESCRIPTION, WEIGHTS, save_snapshot
from models.training.checkpoints import file_digest
from models.training.loop import Progress, Training
from radiographs.folds import Fold
from release.contact_sheet import contact_sheet
from service.domain.identifiers import new_id
from service.domain.job import EventKind, JobProgress
from service.domain.references import ArtifactRef, Model
from workers.assignment import Assignment
from workers.attempt import Attempt
from workers.auditing import white_box_audit
from workers.learning_curve import learning_curve
from workers.pace import Pace
from workers.private_learning import earlier_runs, learn_privately
from workers.ranks import rank_device, team_of

PREVIEW_FRACTIONS = (0.25, 0.5, 0.75)
PREVIEW_SEED = 2**63  # larger than any set's, so that no film of a set is shown unexamined
PREVIEW_FILMS = 4
PREVIEW_MAX_SIDE = 64
SAMPLES_PER_CLASS = 8


def train(attempt: Attempt) -> dict[str, Any]:
    """Train the model that the job asks for, from its newest checkpoint if there is one."""
    job, request = attempt.job, attempt.job.request
    assignment = Assignment.of(attempt)
    store = assignment.store()
    device = rank_device(0, assignment.num_devices)
    with team_of(assignment, device, attempt.check) as team:
        training = assignment.training(device, team, attempt.check)
        reporter = _Reporter(attempt, training, request["family"])
        for progress in training.run():
            attempt.check()
            reporter.take(progress)
    model = training.model
    privacy = _learned_privately(attempt, training, assignment) if assignment.privacy else {}

    staged = attempt.staging()
    save_snapshot(staged, request["family"], store.classes, model)
    samples = _samples(attempt, model, request["family"])
    (staged / "samples.png").write_bytes(contact_sheet(list(samples), SAMPLES_PER_CLASS))
    findings = [asdict(each) for each in _findings(training, samples, assignment)]
    attempt.show(EventKind.DIAGNOSIS, {"findings": findings})
    model_id = new_id("mdl")
    weights_sha256 = file_digest(staged / WEIGHTS)
    snapshot = ArtifactRef(
        f"models/{model_id}/{WEIGHTS}",
        # of both files, so that a changed configuration is another snapshot
        _joint_digest(file_digest(staged / DESCRIPTION), weights_sha256),
        (staged / WEIGHTS).stat().st_size,
    )
    attempt.artifacts.publish(staged, f"models/{model_id}")
    return {
        "model": Model(
            id=model_id,
            family=request["family"],
            dataset_id=request["dataset_id"],
            classes=store.classes,
            image_size=request["image_size"],
            config=request["config"],
            preset=request["preset"],
            images_seen=training.images_seen,
            snapshot=snapshot,
            job_id=job.id,
            created_at=attempt.now(),
            card={
                "budget": request["budget"],
                "seed": request["seed"],
                "weights_sha256": weights_sha256,
                "num_parameters": sum(each.numel() for each in model.parameters()),
                "num_training_films": len(training.films),
                "dataset_fingerprint": store.fingerprint,
                "dataset_version": store.version,
                "device": device.type,
                "num_devices": assignment.num_devices,
                "versions": {"synthcxr": version("synthcxr"), "torch": torch.__version__},
                "diagnosis": findings,
                # a model that promises differential privacy keeps to what its account names
                "white_box": None if privacy else white_box_audit(model, store, attempt.check),
                "learning_curve": learning_curve(attempt.records, job.id),
                **privacy,
            },
        )
    }


def _learned_privately(
    attempt: Attempt, training: Training, assignment: Assignment
) -> dict[str, Any]:
    """Let a model that has seen public films alone learn from private ones; returns card entries.

    It comes after the last checkpoint: nothing of a run that ends before its model is published
    is ever seen, so that a resumed attempt may draw new noise.
    """
    assert assignment.privacy
    patients = assignment.patients(training.films.device)
    earlier = list(earlier_runs(attempt.records, assignment.store().version))
    told = learn_privately(
        training.model, training.films, patients, assignment.privacy, earlier, attempt.check
    )
    return {"differential_privacy": told, "num_training_films": len(patients)}


class _Reporter:
    """Tells the records what the training does, seldom enough not to slow it down."""

    def __init__(self, attempt: Attempt, training: Training, family: str) -> None:
        self._attempt = attempt
        self._training = training
        self._sampler = sampler_class(family)()
        self._pace = Pace()
        told = attempt.job.progress  # by an earlier attempt
        self._expected_seconds = told.expected_seconds if told else None
        self._fraction = 1.0  # of the first report, so that a resume repeats no preview

    def take(self, progress: Progress) -> None:
        if progress.plan and self._expected_seconds is None:
            self._tell_plan(progress)
        if progress.checkpointed:
            self._attempt.checkpointed(progress.images_seen)
        if self._attempt.report_due() or (progress.losses and progress.fraction == 1):
            metrics = {name: float(term) for name, term in progress.losses.items()}
            self._attempt.report(self._paced(progress), metrics or None)
        passed = any(self._fraction < mark <= progress.fraction for mark in PREVIEW_FRACTIONS)
        self._fraction = progress.fraction
        if passed and progress.can_sample:
            self._preview(progress)

    def _tell_plan(self, progress: Progress) -> None:
        """Say how long the job takes: the training, and the samples drawn during and after it."""
        assert progress.expected_seconds is not None
        model = self._training.model
        with torch.no_grad():
            model.eval()
            began = time.monotonic()
            self._draw(model)
            seconds_per_draw = time.monotonic() - began
        num_films = SAMPLES_PER_CLASS * model.spec.num_classes
        num_draws = math.ceil(num_films / MICRO_BATCH[self._training.films.device.type])
        if self._training.budget.images is not None:
            num_draws += len(PREVIEW_FRACTIONS)
        self._expected_seconds = progress.expected_seconds + num_draws * seconds_per_draw
        told = self._paced(progress)
        self._attempt.report(told)
        self._attempt.show(
            EventKind.PLAN, {"expected_seconds": told.expected_seconds, "stages": list(told.plan)}
        )

    def _paced(self, progress: Progress) -> JobProgress:
        paced = self._pace.progress(
            progress.stage, progress.images_seen, progress.total_images, progress.fraction
        )
        return replace(
            paced,
            expected_seconds=self._expected_seconds,
            plan=tuple(
                {
                    "stage": stage.name,
                    "images": stage.images,
                    "images_per_second": stage.images_per_second,
                    "seconds": stage.seconds,
                }
                for stage in progress.plan
            ),
        )

    def _draw(self, model: Family[Any, Any]) -> tuple[list[int], NDArray[np.uint8]]:
        labels = [index % model.spec.num_classes for index in range(PREVIEW_FILMS)]
        seeds = [image_seed(PREVIEW_SEED, index) for index in range(PREVIEW_FILMS)]
        [pixels] = sample_pixels(model, labels, seeds, self._sampler)
        return labels, pixels

    def _preview(self, progress: Progress) -> None:
        with self._training.averaged() as model:
            labels, pixels = self._draw(model)
        sheet = contact_sheet(list(pixels), PREVIEW_FILMS, PREVIEW_MAX_SIDE)
        self._attempt.show(
            EventKind.SAMPLE,
            {
                "images_seen": progress.images_seen,
                "class_indices": labels,
                "png_base64": base64.b64encode(sheet).decode(),
            },
        )


def _findings(
    training: Training, samples: NDArray[np.uint8], assignment: Assignment
) -> Iterator[Finding]:
    """Name what went wrong; the samples are held against films the model has never seen."""
    yield from training.findings
    if assignment.privacy:
        return  # held-out films are private too
    pixels = assignment.store().films_of(Fold.AUDIT_OUT, size=assignment.image_size).pixels
    drawn, held_out = (
        Films(some, np.zeros(len(some), np.int64), training.films.device)
        for some in (samples, pixels)
    )
    if found := memorising(drawn, training.films, held_out):
        yield found


def _samples(attempt: Attempt, model: Family[Any, Any], family: str) -> NDArray[np.uint8]:
    """Draw the films of the model's contact sheet, a row for each class."""
    num_classes = model.spec.num_classes
    labels = [label for label in range(num_classes) for _ in range(SAMPLES_PER_CLASS)]
    seeds = [image_seed(PREVIEW_SEED, index) for index in range(len(labels))]
    films = []
    for pixels in sample_pixels(model, labels, seeds, sampler_class(family)()):
        attempt.check()
        films.append(pixels)
    return np.concatenate(films)


def _joint_digest(*digests: str) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
