"""Writes what may be kept of a set: report, findings and, where it is released, the package."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.checkpoints import file_digest
from release.cancellation import check_cancelled
from release.gate.verdict import Verdict
from release.package.manifest import describe
from release.package.writer import Contents, write_package
from release.report.build import Evaluation, build_report
from release.report.disclosure import rounded_count
from release.report.documents import documents
from release.report.record import Record as SetRecord
from release.report.record import with_record
from release.report.schema import (
    DatasetSummary,
    ExaminationCount,
    Guarantee,
    ModelSummary,
    Pretraining,
    PublicSource,
    Report,
    canonical_json,
)
from release.sample_spec import Origins, SampleSpec, count_by_class
from service.adapters.signing_keys import KeyRing
from service.domain.json_form import as_json
from service.domain.records import ArtifactRef, Dataset, Model, SyntheticSet
from service.domain.requests import PublicData
from workers.generate.load import Inputs
from workers.generate.nearest_pairs import keep_nearest_pairs
from workers.generate.sampling import SampledSet
from workers.ingest.split_key import split_key
from workers.runtime.attempt import Attempt

SHOWN_PER_CLASS = 8

Released = Sequence[tuple[int, SampleSpec]]  # places among the images drawn, and what these show


def publish(
    attempt: Attempt, inputs: Inputs, sampled: SampledSet, evaluation: Evaluation
) -> SyntheticSet:
    """Write what may be kept of the set, and nothing else; returns its record.

    Args:
        attempt: Its artifacts take the files.
        inputs: What was asked for and what made the set.
        sampled: The set, flagged images included.
        evaluation: What was measured of it.
    """
    staged = attempt.staging()
    verdict = evaluation.examination.verdict
    released = _released(sampled, evaluation)
    origins = Origins(
        sampled.specs,
        list(compress(sampled.specs, ~evaluation.examination.kept)),
        [spec for _, spec in released],
    )
    report = build_report(
        inputs.request.synthetic_set_id,
        _model_summary(inputs.model, inputs.request.upscale),
        _dataset_summary(inputs.dataset),
        evaluation,
        origins,
        ExaminationCount(number=inputs.prior.number, at_most=inputs.max_sets),
    )
    pages = documents(report, _shown(sampled, released))
    for name in ("certificate.html", "certificate.json", "report.json"):  # issued with a date
        (staged / name).write_bytes(pages[name])
    page = with_record(pages["report.html"], _record_of(attempt, inputs.dataset))
    (staged / "report.html").write_bytes(page)
    findings = _findings(inputs, sampled, evaluation, released)
    (staged / "findings.json").write_bytes(findings)
    if released:
        contents = _contents(attempt, inputs, origins, report, pages)
        manifest = write_package(staged / "set.zip", _images(sampled, released), contents)
        (staged / "manifest.json").write_bytes(manifest)
    if released and verdict.released:
        neighbours = sampled.neighbours.where([place for place, _ in released])
        inputs.assets.remember(file_digest(staged / "set.zip"), neighbours)
    # of this attempt alone, so that deleting the set takes nothing from another that makes it anew
    folder = f"synthetic-sets/{inputs.request.synthetic_set_id}-{attempt.name}"
    made = _record(attempt, inputs, verdict, released, staged, folder)
    attempt.artifacts.publish(staged, folder)
    # of images that are kept alone: those of a refused set are nowhere
    keep_nearest_pairs(attempt, inputs, sampled, np.array([at for at, _ in released], np.int64))
    return made


def _released(sampled: SampledSet, evaluation: Evaluation) -> Released:
    verdict = evaluation.examination.verdict
    if not (verdict.released or verdict.for_research):
        return []
    places = sampled.released(evaluation.examination.kept)
    return [(place, sampled.specs[place]) for place in places]


def _model_summary(model: Model, upscale: int | None) -> ModelSummary:
    canonical = json.dumps(dict(model.config), sort_keys=True, separators=(",", ":"))
    claimed = model.card.differential_privacy
    return ModelSummary(
        id=model.id,
        family=model.family,
        image_size=model.image_size,
        upscaled_to=upscale,
        config_sha256=hashlib.sha256(canonical.encode()).hexdigest(),
        snapshot_sha256=model.snapshot.sha256,
        differential_privacy=claimed and Guarantee(epsilon=claimed.epsilon, delta=claimed.delta),
        pretraining=_pretraining(model),
    )


def _pretraining(model: Model) -> Pretraining | None:
    start = model.card.warm_start
    if start is None:
        return None
    return Pretraining(
        init_from=start.init_from,
        weights_sha256=start.weights_sha256,
        public_data=tuple(map(_public_source, start.public_data)),
        num_inherited=len(model.inherited),
    )


def _public_source(declared: PublicData) -> PublicSource:
    return PublicSource(licence=declared.licence, source=declared.source)


def _dataset_summary(dataset: Dataset) -> DatasetSummary:
    return DatasetSummary(
        version=dataset.version,
        class_counts={
            label: rounded_count(split.images) for label, split in dataset.classes.items()
        },
        patient_ids=bool(dataset.summary.get("has_patient_ids")),
        public=dataset.public and _public_source(dataset.public),
    )


def _record_of(attempt: Attempt, dataset: Dataset) -> SetRecord:
    """Say when and where the set is made; the package says nothing of it."""
    settings = attempt.settings
    name = dataset.name if settings.show_dataset_name else None
    return SetRecord(attempt.now(), settings.hospital, name)


def _shown(sampled: SampledSet, released: Released) -> dict[str, NDArray[np.uint8]]:
    """Choose images for the report's contact sheets: the first of each class."""
    places: dict[str, list[int]] = {}
    for place, spec in released:
        if spec.class_label is not None:
            places.setdefault(spec.class_label, []).append(place)
    return {label: sampled.pixels[each[:SHOWN_PER_CLASS]] for label, each in places.items()}


def _findings(
    inputs: Inputs, sampled: SampledSet, evaluation: Evaluation, released: Released
) -> bytes:
    """Write what only those may read who may see the real images: figures in full, and seeds."""
    return canonical_json(
        {
            "synthetic_set_id": inputs.request.synthetic_set_id,
            "seed": inputs.request.seed,
            "examination": evaluation.examination.private(),
            "released": [{"drawn": place, **asdict(spec)} for place, spec in released],
            "flagged": [
                {"drawn": place, **asdict(sampled.specs[place])}
                for place in np.flatnonzero(sampled.neighbours.flagged).tolist()
            ],
        }
    )


def _contents(
    attempt: Attempt, inputs: Inputs, origins: Origins, report: Report, pages: dict[str, bytes]
) -> Contents:
    hashing_key = split_key(attempt.settings, attempt.records.catalog)
    also = inputs.request.format
    return Contents(
        description=describe(
            report,
            as_json(inputs.request),
            origins,
            inputs.prior.disclosed,
            hashing_key,
        ),
        classes=inputs.snapshot.classes,
        hashing_key=hashing_key,
        signer=KeyRing(attempt.settings.data_dir).current(),
        documents=pages,
        formats=frozenset() if also == "png" else frozenset({also}),
    )


def _images(
    sampled: SampledSet, released: Released
) -> Iterator[tuple[NDArray[np.uint8], SampleSpec]]:
    for place, spec in released:
        yield sampled.pixels[place], spec
        check_cancelled()


def _record(
    attempt: Attempt,
    inputs: Inputs,
    verdict: Verdict,
    released: Released,
    staged: Path,
    folder: str,
) -> SyntheticSet:
    """Describe the set as it will lie in a folder of the artifact store."""

    def stored(name: str) -> ArtifactRef:
        path = staged / name
        return ArtifactRef(f"{folder}/{name}", file_digest(path), path.stat().st_size)

    of_class, of_none = count_by_class(spec for _, spec in released)
    return SyntheticSet(
        id=inputs.request.synthetic_set_id,
        model_id=inputs.model.id,
        job_id=attempt.job.id,
        num_images=len(released),
        class_counts=dict(of_class),
        unlabelled_counts=dict(of_none),
        zip=stored("set.zip") if released else None,
        manifest=stored("manifest.json") if released else None,
        created_at=attempt.now(),
        dataset_id=inputs.dataset.id,
        verdict=verdict,
        report=stored("report.html"),
        findings=stored("findings.json"),
    )
