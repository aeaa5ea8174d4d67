"""The train job: from a dataset and a configuration to a model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.diagnosis import Finding, memorising, overfitting
from models.family import Family
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.seeding import image_seed
from models.snapshot import DESCRIPTION, WEIGHTS, save_snapshot
from models.training.checkpoints import file_digest
from models.training.loop import Training
from models.training.watch import THRESHOLD
from models.training_images import TrainingImages
from radiographs.folds import Fold
from release.contact_sheet import contact_sheet
from service.domain.identifiers import new_id
from service.domain.job import EventKind
from service.domain.records import ArtifactRef, Model
from workers.runtime.attempt import Attempt
from workers.train.distributed import rank_device, team_of
from workers.train.dp_ledger import earlier_runs
from workers.train.dp_training import learn_privately
from workers.train.membership_audit import Audit, audit, watch
from workers.train.metrics_history import learning_curve, looks
from workers.train.reporter import PREVIEW_SEED, SAMPLES_PER_CLASS, Reporter
from workers.train.spec import TrainingSpec

KEEPS_TO_ITS_ACCOUNT = (
    "Not asked: a model that promises differential privacy is measured on no private image that "
    "its account does not name."
)
TOO_FEW = "Not asked: too few patients had a coin."
NO_SCORE = "Not asked: this family has no score of a whole model."


def train(attempt: Attempt) -> dict[str, Any]:
    """Train the model that the job asks for, from its newest checkpoint if there is one."""
    job, request = attempt.job, attempt.job.request
    assignment = TrainingSpec.of(attempt)
    store = assignment.store()
    device = rank_device(0, assignment.num_devices)
    with team_of(assignment, device, attempt.check) as team:
        training = assignment.training(device, team, attempt.check)
        # held-out images are private too
        watched = None if assignment.privacy else watch(store, assignment.image_size, device)
        reporter = Reporter(attempt, training, request["family"], watched)
        for progress in training.run():
            attempt.check()
            reporter.take(progress)
    model = training.model
    privacy = _learned_privately(attempt, training, assignment) if assignment.privacy else {}

    staged = attempt.staging()
    save_snapshot(staged, request["family"], store.classes, model)
    samples = _samples(attempt, model, request["family"])
    (staged / "samples.png").write_bytes(contact_sheet(list(samples), SAMPLES_PER_CLASS))
    # a model that promises differential privacy keeps to what its account names
    audited = None if privacy else audit(model, store, attempt.check)
    memorisation = _memorisation(attempt, assignment, audited)
    findings = [
        asdict(each)
        for each in (*_findings(training, samples, assignment), *_overfitting(memorisation))
    ]
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
                "num_training_images": len(training.images),
                "dataset_fingerprint": store.fingerprint,
                "dataset_version": store.version,
                "device": device.type,
                "num_devices": assignment.num_devices,
                "versions": {"synthcxr": version("synthcxr"), "torch": torch.__version__},
                "diagnosis": findings,
                "white_box": audited and audited.white_box(),
                "memorisation": memorisation,
                "learning_curve": learning_curve(attempt.records, job.id),
                **privacy,
            },
        )
    }


def _learned_privately(
    attempt: Attempt, training: Training, assignment: TrainingSpec
) -> dict[str, Any]:
    """Let a model that has seen public images alone learn from private ones; returns card entries.

    It comes after the last checkpoint: nothing of a run that ends before its model is published
    is ever seen, so that a resumed attempt may draw new noise.
    """
    assert assignment.privacy
    patients = assignment.patients(training.images.device)
    earlier = list(earlier_runs(attempt.records, assignment.store().version))
    told = learn_privately(
        training.model, training.images, patients, assignment.privacy, earlier, attempt.check
    )
    return {"differential_privacy": told, "num_training_images": len(patients)}


def _memorisation(
    attempt: Attempt, assignment: TrainingSpec, audited: Audit | None
) -> dict[str, Any]:
    """Say how much better the model knows what it was trained on, in the end and on the way.

    Returns:
        Figures, or why there are none.
    """
    if audited is None:
        return {"none": KEEPS_TO_ITS_ACCOUNT if assignment.privacy else TOO_FEW}
    told = audited.standard_errors()
    if told is None:
        return {"none": NO_SCORE}
    return {
        "standard_errors": round(told, 2),
        "threshold": THRESHOLD,
        "budget": assignment.budget,
        "looks": looks(attempt.records, attempt.job.id),
    }


def _overfitting(memorisation: dict[str, Any]) -> Iterator[Finding]:
    """Name the fault, and after how many images it was not there yet."""
    if memorisation.get("standard_errors", 0) <= THRESHOLD:
        return
    clean = [
        look["images_seen"]
        for look in memorisation["looks"]
        if look["standard_errors"] <= THRESHOLD
    ]
    yield overfitting(memorisation["standard_errors"], max(clean, default=None))


def _findings(
    training: Training, samples: NDArray[np.uint8], assignment: TrainingSpec
) -> Iterator[Finding]:
    """Name what went wrong; the samples are held against images the model has never seen."""
    yield from training.findings
    if assignment.privacy:
        return  # held-out images are private too
    pixels = assignment.store().images_of(Fold.AUDIT_OUT, size=assignment.image_size).pixels
    drawn, held_out = (
        TrainingImages(some, np.zeros(len(some), np.int64), training.images.device)
        for some in (samples, pixels)
    )
    if found := memorising(drawn, training.images, held_out):
        yield found


def _samples(attempt: Attempt, model: Family[Any, Any], family: str) -> NDArray[np.uint8]:
    """Draw the images of the model's contact sheet, a row for each class."""
    num_classes = model.spec.num_classes
    labels = [label for label in range(num_classes) for _ in range(SAMPLES_PER_CLASS)]
    seeds = [image_seed(PREVIEW_SEED, index) for index in range(len(labels))]
    images = []
    for pixels in sample_pixels(model, labels, seeds, sampler_class(family)()):
        attempt.check()
        images.append(pixels)
    return np.concatenate(images)


def _joint_digest(*digests: str) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
