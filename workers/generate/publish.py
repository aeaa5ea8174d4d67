"""Writes what may be kept of a set: its report and findings and, if it may leave, its package."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.checkpoints import file_digest
from release.cancellation import check_cancelled
from release.package.writer import Contents, write_package
from release.report.documents import documents
from release.report.schema import Report, canonical_json
from release.samples import ClassSample, SampleSpec
from service.adapters.signing_keys import KeyRing
from service.domain.records import ArtifactRef, Outcome, SyntheticSet, Verdict
from workers.generate.evaluate import Evaluation
from workers.generate.load import Inputs
from workers.generate.sampling import SampledSet
from workers.ingest.split_key import fold_key
from workers.runtime.attempt import Attempt
from workers.set_description import describe_set
from workers.set_report import counted, report_of

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
    verdict = _verdict(evaluation)
    released = _released(verdict, sampled, evaluation)
    report = _report(inputs, sampled, evaluation, released)
    pages = documents(report, _shown(sampled, released))
    for name in ("report.html", "report.json"):
        (staged / name).write_bytes(pages[name])
    findings = _findings(inputs, sampled, evaluation, released)
    (staged / "findings.json").write_bytes(findings)
    if released:
        contents = _contents(attempt, inputs, sampled, evaluation, released, report, pages)
        manifest = write_package(staged / "set.zip", _images(sampled, released), contents)
        (staged / "manifest.json").write_bytes(manifest)
    if released and verdict.released:
        neighbours = sampled.neighbours.where([place for place, _ in released])
        inputs.assets.remember(file_digest(staged / "set.zip"), neighbours)
    # of this attempt alone, so that deleting the set takes nothing from another that makes it anew
    folder = f"synthetic-sets/{inputs.set_id}-{attempt.name}"
    made = _record(attempt, inputs, verdict, released, staged, folder)
    attempt.artifacts.publish(staged, folder)
    return made


def _verdict(evaluation: Evaluation) -> Verdict:
    given, power = evaluation.examination.verdict, evaluation.examination.power
    return Verdict(
        Outcome(given.outcome),
        given.code,
        given.num_filtered,
        tuple(given.reasons),
        tuple(given.remedies),
        power.mdcr,
    )


def _released(verdict: Verdict, sampled: SampledSet, evaluation: Evaluation) -> Released:
    if not (verdict.released or verdict.for_research):
        return []
    places = sampled.released(evaluation.examination.kept)
    return [(place, sampled.origins[place]) for place in places]


def _report(
    inputs: Inputs, sampled: SampledSet, evaluation: Evaluation, released: Released
) -> Report:
    return report_of(
        inputs.set_id,
        inputs.model,
        inputs.dataset,
        evaluation.examination,
        evaluation.fidelity,
        evaluation.further_fidelity,
        evaluation.utility,
        num_drawn=len(sampled.origins),
        released=[origin for _, origin in released],
        examination_count={"number": inputs.prior.number, "at_most": inputs.max_sets},
    )


def _shown(sampled: SampledSet, released: Released) -> dict[str, NDArray[np.uint8]]:
    """Choose images for the report's contact sheets: the first of each class."""
    places: dict[str, list[int]] = {}
    for place, origin in released:
        if isinstance(origin, ClassSample):
            places.setdefault(origin.label, []).append(place)
    return {label: sampled.pixels[each[:SHOWN_PER_CLASS]] for label, each in places.items()}


def _findings(
    inputs: Inputs, sampled: SampledSet, evaluation: Evaluation, released: Released
) -> bytes:
    """Write what only those may read who may see the real images: figures in full, and seeds."""
    return canonical_json(
        {
            "synthetic_set_id": inputs.set_id,
            "seed": inputs.request["seed"],
            "examination": evaluation.examination.private(),
            "released": [{"drawn": place, **asdict(origin)} for place, origin in released],
            "flagged": [
                {"drawn": place, **asdict(sampled.origins[place])}
                for place in np.flatnonzero(sampled.neighbours.flagged).tolist()
            ],
        }
    )


def _contents(
    attempt: Attempt,
    inputs: Inputs,
    sampled: SampledSet,
    evaluation: Evaluation,
    released: Released,
    report: Report,
    pages: dict[str, bytes],
) -> Contents:
    hashing_key = fold_key(attempt.settings, attempt.records)
    return Contents(
        description=describe_set(
            report,
            inputs.request,
            hashing_key,
            drawn=sampled.origins,
            dropped=list(compress(sampled.origins, ~evaluation.examination.kept)),
            released=[origin for _, origin in released],
            earlier_releases=[each.id for each in inputs.prior.releases],
        ),
        classes=inputs.snapshot.classes,
        hashing_key=hashing_key,
        signer=KeyRing(attempt.settings.data_dir).current(),
        documents=pages,
        formats=frozenset({inputs.request["format"]} - {"png"}),
    )


def _images(
    sampled: SampledSet, released: Released
) -> Iterator[tuple[NDArray[np.uint8], SampleSpec]]:
    for place, origin in released:
        yield sampled.pixels[place], origin
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

    of_class, of_none = counted(origin for _, origin in released)
    return SyntheticSet(
        id=inputs.set_id,
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
