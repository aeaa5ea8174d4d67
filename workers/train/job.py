"""The train job: from a dataset and a configuration to a model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from models.device_errors import is_out_of_memory
from models.device_memory import give_back_memory
from models.diagnosis import TrainingFault, hardly_trained, memorising, overfitting
from models.family import Family
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.seeding import preview_seed
from models.snapshot import DESCRIPTION, WEIGHTS, save_snapshot
from models.threads import Threads
from models.training.checkpoints import file_digest
from models.training.loop import Training, TrainingDiverged
from models.training.monitor import THRESHOLD
from models.training_images import TrainingImages
from radiographs.splits.split import Split
from release.cancellation import check_cancelled
from release.report.contact_sheets import contact_sheet
from service.domain.identifiers import new_id
from service.domain.job import EventKind
from service.domain.model_card import (
    Diagnosis,
    Memorisation,
    ModelCard,
    PrivacyAccount,
    TrainingEnd,
)
from service.domain.records import ArtifactRef, Model, TrainedModel
from service.domain.requests import TrainRequest
from workers.runtime.attempt import Attempt, Stopped
from workers.runtime.device import require_device, threads_on
from workers.train.distributed import leading_process_group, rank_device
from workers.train.dp_ledger import earlier_runs
from workers.train.dp_training import train_with_dp
from workers.train.initial_model import public_data
from workers.train.kid_monitor import KidMonitor
from workers.train.membership_audit import (
    MembershipAudit,
    audit_membership,
    membership_monitor,
)
from workers.train.metrics_history import learning_curve, memorisation_curve
from workers.train.private_twin import private_twin
from workers.train.reporter import SAMPLES_PER_CLASS, Reporter
from workers.train.spec import TrainingSpec

log = structlog.get_logger()

ONLY_ITS_BUDGET = (
    "Not measured: a model with differential privacy uses no private image that its privacy budget "
    "does not account for."
)
TOO_FEW = "Not measured: the audit pool has too few patients."
NO_SCORE = "Not measured: this family has no score of a whole model."


def train(attempt: Attempt, request: TrainRequest) -> TrainedModel:
    """Train the model that the job asks for, from its newest checkpoint if there is one."""
    spec = TrainingSpec.of(attempt, request)
    training = _trained(attempt, spec)
    model = training.model
    num_images, account = len(training.images), None
    if spec.privacy:
        num_images, account = _trained_privately(attempt, training, spec)

    samples = _samples(model, request.family)
    # held-out images are private too, and a privacy budget does not account for them
    audit = None if spec.privacy else audit_membership(model, spec.store)
    memorisation = _memorisation(attempt, spec, audit)
    findings = [*_findings(training, samples, spec), *_overfitting(memorisation)]
    attempt.log(EventKind.DIAGNOSIS, {"findings": [asdict(each) for each in findings]})

    staged = attempt.staging()
    save_snapshot(staged, request.family, spec.store.classes, model)
    (staged / "samples.png").write_bytes(contact_sheet(samples, SAMPLES_PER_CLASS))
    card = ModelCard(
        budget=request.budget,
        seed=request.seed,
        weights_sha256=file_digest(staged / WEIGHTS),
        num_parameters=sum(each.numel() for each in model.parameters()),
        dataset_version=spec.store.version,
        device=training.images.device.type,
        num_devices=request.num_devices,
        versions={"synthcxr": version("synthcxr"), "torch": torch.__version__},
        diagnosis=tuple(Diagnosis(**asdict(each)) for each in findings),
        memorisation=memorisation,
        learning_curve=learning_curve(attempt.records.jobs, attempt.job.id),
        num_training_images=num_images,
        dataset_fingerprint=spec.store.fingerprint,
        white_box=audit.white_box() if audit else None,
        differential_privacy=account,
        warm_start=spec.initial.described(model, spec.store.classes) if spec.initial else None,
        ending=_ending(training),
    )
    return TrainedModel(_published(attempt, spec, training.images_seen, staged, card))


def _ending(training: Training) -> TrainingEnd | None:
    """Say where the training stopped and why; nothing of one in closed form."""
    if training.ending is None or not _makes_updates(training):
        return None
    ending = TrainingEnd(**asdict(training.ending))
    rounded = tuple(round(each, 2) for each in ending.standard_errors)
    return replace(ending, standard_errors=rounded)


def _makes_updates(training: Training) -> bool:
    """Say whether anything is trained step by step; what is fitted in closed form is not."""
    return any(stage.phases for stage in training.model.stages())


def _trained(attempt: Attempt, spec: TrainingSpec) -> Training:
    """Run the training to its end; where memory runs out, once more with half a batch at once.

    Two halves make one update as a whole batch does, with other random numbers. It goes on from the
    newest checkpoint.
    """
    require_device(attempt.settings.train_device)
    try:
        return _run(attempt, spec)
    except (MemoryError, RuntimeError) as error:
        if spec.request.num_devices > 1 or not is_out_of_memory(error):
            raise
        error.__traceback__ = None  # its frames hold the model
    give_back_memory()
    message = "The memory ran out: the training goes on with each batch in two halves."
    attempt.log(EventKind.LOG, {"level": "warning", "code": "out_of_memory", "message": message})
    return _run(attempt, spec, num_parts=2)


def _run(attempt: Attempt, spec: TrainingSpec, num_parts: int = 1) -> Training:
    """Run the training to its end, on as many devices as the job asks for.

    Args:
        attempt: Whose job it is.
        spec: What to train.
        num_parts: In how many parts one device goes through each batch.
    """
    device = rank_device(0, spec.request.num_devices)
    with leading_process_group(spec, device, num_parts) as process_group:
        threads = _threads(attempt, spec, device)
        training = spec.training(device, process_group, threads)
        monitor = None
        if not spec.privacy:  # held-out images are private too
            monitor = membership_monitor(spec.store, spec.request.image_size, device)
        kid = KidMonitor.of(spec)
        reporter = Reporter(attempt, training, spec.request.family, monitor, kid)
        try:
            _follow(attempt, training, reporter)
        finally:
            if threads:
                threads.release()  # samples and audit take those of everything else
    return training


def _follow(attempt: Attempt, training: Training, reporter: Reporter) -> None:
    """Train to the end and report it; who is asked to stop keeps what was trained."""
    for progress in training.run():
        try:
            check_cancelled()
        except Stopped:
            _save(attempt, training)
            raise
        reporter.take(progress)


def _threads(attempt: Attempt, spec: TrainingSpec, device: torch.device) -> Threads | None:
    """Choose the threads of a training; processes that train together share the cores evenly."""
    if spec.request.num_devices > 1:
        return None
    return threads_on(device, attempt.settings.torch_threads)


def _save(attempt: Attempt, training: Training) -> None:
    """Keep what was trained since the last checkpoint, if that can be kept."""
    try:
        images_seen = training.save()
    except (OSError, TrainingDiverged) as error:
        log.warning("checkpoint not written", job_id=attempt.job.id, reason=str(error))
        return
    if images_seen is not None:
        attempt.checkpointed(images_seen)


def _trained_privately(
    attempt: Attempt, training: Training, spec: TrainingSpec
) -> tuple[int, PrivacyAccount]:
    """Train a model that has seen public images alone on private ones.

    It comes after the last checkpoint: nothing of a run that ends before its model is published
    is ever seen, so that a resumed attempt may draw new noise.

    Returns:
        The number of patients, one image each, and the account.
    """
    assert spec.privacy
    patients = spec.patients(training.images.device)
    earlier = earlier_runs(attempt.records.catalog, spec.store.version)
    account = train_with_dp(training.model, training.images, patients, spec.privacy, earlier)
    return len(patients), account


def _published(
    attempt: Attempt, spec: TrainingSpec, images_seen: int, staged: Path, card: ModelCard
) -> Model:
    """Make a staged snapshot visible; returns its record."""
    request, model_id, initial = spec.request, new_id("mdl"), spec.initial
    dataset = attempt.records.catalog.dataset(request.dataset_id)
    snapshot = ArtifactRef(
        f"models/{model_id}/{WEIGHTS}",
        # of both files, so that a changed configuration is another snapshot
        _joint_digest(file_digest(staged / DESCRIPTION), card.weights_sha256),
        (staged / WEIGHTS).stat().st_size,
    )
    twin = private_twin(attempt, dataset)
    if twin:
        attempt.log(EventKind.LOG, _not_public(dataset.id, twin))
    attempt.artifacts.publish(staged, f"models/{model_id}")
    return Model(
        id=model_id,
        family=request.family,
        dataset_id=request.dataset_id,
        classes=spec.store.classes,
        image_size=request.image_size,
        config=request.config,
        preset=request.preset,
        images_seen=images_seen,
        snapshot=snapshot,
        job_id=attempt.job.id,
        created_at=attempt.now(),
        card=card,
        inherited=initial.inherited if initial else (),
        public_data=public_data(dataset, initial, contradicted=twin is not None),
    )


def _not_public(dataset_id: str, twin: str) -> dict[str, str]:
    message = (
        f"{dataset_id} was declared public, and many of its patients are in the private dataset "
        f"{twin} as well. So the model counts as one of private images: those that start from it "
        f"inherit {dataset_id}, and none with differential privacy can."
    )
    return {"level": "warning", "code": "not_public", "message": message}


def _memorisation(
    attempt: Attempt, spec: TrainingSpec, audit: MembershipAudit | None
) -> Memorisation:
    """Report by how much the model scores what it was trained on higher, in the end and before."""
    if audit is None:
        return Memorisation(not_measured=ONLY_ITS_BUDGET if spec.privacy else TOO_FEW)
    found = audit.standard_errors()
    if found is None:
        return Memorisation(not_measured=NO_SCORE)
    checks = memorisation_curve(attempt.records.jobs, attempt.job.id)
    return Memorisation(round(found, 2), THRESHOLD, checks)


def _overfitting(memorisation: Memorisation) -> Iterator[TrainingFault]:
    """Name the fault, and after how many images it was not there yet."""
    found = memorisation.standard_errors
    if found is None or found <= THRESHOLD:
        return
    checks = memorisation.checks
    clean = [each.images_seen for each in checks if each.standard_errors <= THRESHOLD]
    yield overfitting(found, max(clean, default=None))


def _findings(
    training: Training, samples: NDArray[np.uint8], spec: TrainingSpec
) -> Iterator[TrainingFault]:
    """Name what went wrong; the samples are compared with images the model has never seen."""
    yield from training.findings
    if _makes_updates(training) and not spec.initial:  # which has seen others before
        found = hardly_trained(training.images_seen, len(training.images))
        if found:
            yield found
    if spec.privacy:
        return  # held-out images are private too
    pixels = spec.store.images_of(Split.HOLDOUT, size=spec.request.image_size).pixels
    drawn, held_out = (
        TrainingImages(some, np.zeros(len(some), np.int64), training.images.device)
        for some in (samples, pixels)
    )
    copies = memorising(drawn, training.images, held_out)
    if copies:
        yield copies


def _samples(model: Family[Any, Any], family: str) -> NDArray[np.uint8]:
    """Draw the images of the model's contact sheet, a row for each class."""
    num_classes = model.spec.num_classes
    labels = [label for label in range(num_classes) for _ in range(SAMPLES_PER_CLASS)]
    seeds = [preview_seed(0, index) for index in range(len(labels))]
    images = []
    for pixels in sample_pixels(model, labels, seeds, sampler_class(family)()):
        check_cancelled()
        images.append(pixels)
    return np.concatenate(images)


def _joint_digest(*digests: str) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
