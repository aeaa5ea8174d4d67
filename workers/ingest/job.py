"""The ingest job: from an archive, a folder, a PACS or the phantom generator to a pixel store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from radiographs.ingest import IngestOptions, IngestProgress, IngestSummary
from radiographs.ingest import ingest as ingest_images
from radiographs.reading.sources import ArchiveSource, FolderSource, PhantomSource, Source
from radiographs.store.pixel_store import PixelStore
from release.cancellation import check_cancelled
from service.adapters.listed_files import (
    CONTACT_SHEET,
    write_dropped,
    write_images_with_text,
)
from service.domain.access import DROPPED_SHOWN
from service.domain.caller import DEFAULT_TENANT
from service.domain.records import (
    ArtifactRef,
    ClassSplit,
    Dataset,
    DatasetState,
    DatasetWarning,
    DroppedFile,
    ImageWithText,
    IngestedDataset,
)
from service.domain.release_plan import ReleasePlan
from service.domain.requests import DatasetSource, IngestRequest
from workers.ingest.contact_sheet import contact_sheet
from workers.ingest.fetching import fetched
from workers.ingest.split_key import identity_ledger, split_key
from workers.runtime.attempt import Attempt
from workers.runtime.progress import ProgressEstimator

# counts over the datasets of all tenants, which would disclose whose patients another tenant has
OF_ALL_DATASETS = ("num_known_images", "num_split_conflicts")


def ingest(attempt: Attempt, request: IngestRequest) -> IngestedDataset:
    """Read the images of the job's source into a pixel store."""
    dataset = attempt.records.catalog.dataset(
        request.dataset_id
    )  # gone when it was deleted meanwhile
    source = _source(attempt, request.source)
    options = IngestOptions(
        split_key(attempt.settings, attempt.records.catalog),
        image_size=request.image_size,
        fit=request.fit,
        bit_depth=request.bit_depth,
        ledger=identity_ledger(attempt.settings, attempt.records.catalog),
        strict=request.strict,
        allow_burned_in_annotation=request.allow_burned_in_annotation,
        burned_in_text=request.burned_in_text,
    )
    staged = attempt.staging()
    summary = _ingested(attempt, ingest_images(source, staged, options))
    write_dropped(staged, (DroppedFile(**asdict(each)) for each in summary.dropped))
    with_text = (ImageWithText(*each) for each in summary.with_text)
    write_images_with_text(staged, with_text)
    store = PixelStore.open(staged)
    (staged / CONTACT_SHEET).write_bytes(contact_sheet(store))
    patients = np.unique(store.identities[store.trained]).view(np.int64).tolist()
    num_bytes = sum(file.stat().st_size for file in staged.rglob("*") if file.is_file())
    # named by its content: a folder on the server may have changed since an earlier attempt
    key = f"datasets/{dataset.id}-{summary.fingerprint[:12]}"
    attempt.artifacts.publish(staged, key)
    artifact = ArtifactRef(key, summary.fingerprint, num_bytes)
    from workers.ingest.release_plan import release_plan  # scipy takes a while to import

    ready = _ready(dataset, summary, artifact, release_plan(store))
    if attempt.job.tenant != DEFAULT_TENANT:
        of_this_dataset = {k: v for k, v in ready.summary.items() if k not in OF_ALL_DATASETS}
        ready = replace(ready, summary=of_this_dataset)
    return IngestedDataset(ready, patients)


def _ingested(
    attempt: Attempt, steps: Generator[IngestProgress, None, IngestSummary]
) -> IngestSummary:
    """Take the steps of an ingest to their end, and report them."""
    estimator = ProgressEstimator()
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            summary: IngestSummary = end.value
            return summary
        check_cancelled()
        if attempt.report_due():
            fraction = step.images_seen / max(step.total_images, 1)
            attempt.report(
                estimator.progress(step.phase, step.images_seen, step.total_images, fraction)
            )


def _source(attempt: Attempt, source: DatasetSource) -> Source:
    if source.dicomweb:
        return fetched(attempt, source.dicomweb)
    if source.path:
        path = Path(source.path)
        return FolderSource(path) if path.is_dir() else ArchiveSource(path)
    if drawn := source.phantom:
        return PhantomSource(drawn.class_counts, drawn.image_size, drawn.seed)
    return ArchiveSource(attempt.artifacts.upload_path(attempt.job.id))


def _ready(
    dataset: Dataset, summary: IngestSummary, artifact: ArtifactRef, plan: ReleasePlan
) -> Dataset:
    return replace(
        dataset,
        state=DatasetState.READY,
        classes={label: ClassSplit(**split) for label, split in summary.classes.items()},
        image_size=summary.image_size,
        bit_depth=summary.bit_depth,
        fingerprint=summary.fingerprint,
        version=summary.version,
        dropped=tuple(DroppedFile(**asdict(each)) for each in summary.dropped[:DROPPED_SHOWN]),
        dropped_counts=Counter(each.code for each in summary.dropped),
        warnings=tuple(DatasetWarning(**asdict(each)) for each in summary.warnings),
        artifact=artifact,
        summary={
            "num_exact_duplicates": summary.num_exact_duplicates,
            "num_near_duplicates": summary.num_near_duplicates,
            "num_known_images": summary.num_known_images,
            "num_split_conflicts": summary.num_split_conflicts,
            "num_upsampled": summary.num_upsampled,
            "num_with_text": len(summary.with_text),
            "has_patient_ids": summary.has_patient_ids,
            "num_images_with_patient": summary.num_images_with_patient,
            "patient_source": summary.patient_source,
            "layout": summary.layout,
            "release_plan": plan.to_json(),
        },
    )
