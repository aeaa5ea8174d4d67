"""The preview job: a few images of each class, with seeds and sampling options side by side."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from models.registry import sampler_class
from models.sampling import Draw, draw_pixels
from models.seeding import preview_seed
from models.snapshot import Snapshot
from models.threads import Threads
from release.cancellation import check_cancelled
from release.report.contact_sheets import contact_sheet
from service.domain.previews import (
    MAX_IMAGES_PER_CLASS,
    picture_name,
    previews_folder,
)
from service.domain.records import PreviewedModel
from service.domain.requests import PreviewColumn, PreviewRequest
from workers.generate.load import snapshot_of
from workers.generate.model_cache import ModelCache
from workers.runtime.attempt import Attempt
from workers.runtime.device import threads_on
from workers.runtime.progress import ProgressEstimator

SAMPLING = "sampling"


def preview(attempt: Attempt, request: PreviewRequest) -> PreviewedModel:
    """Draw the images, and lay those of each class out on a picture: rows are images, columns ways.

    Nothing is examined: the pictures are for those alone who may see the real images.

    Raises:
        ArtifactMissing, ModelNotFound: See the error tree.
    """
    record = attempt.records.catalog.model(request.model_id)
    snapshot = snapshot_of(attempt, record, ModelCache.of(attempt.settings))
    device = next(snapshot.model.parameters()).device
    threads = threads_on(device, attempt.settings.torch_threads)
    drawn: list[NDArray[np.uint8]] = []
    estimator, total = ProgressEstimator(), request.num_images
    with closing(_drawn(snapshot, request, threads)) as batches:
        for batch in batches:
            drawn.extend(batch)
            check_cancelled()
            if attempt.report_due():
                done = len(drawn)
                attempt.report(estimator.progress(SAMPLING, done, total, done / total))
    staged = attempt.staging()
    sides = len(request.columns), len(request.classes), request.images_per_class
    images = np.stack(drawn).reshape(*sides, *drawn[0].shape)
    for place in range(len(request.classes)):
        by_row = np.concatenate(images[:, place].swapaxes(0, 1))  # (rows * columns, h, w)
        picture = contact_sheet(by_row, len(request.columns))
        (staged / picture_name(place)).write_bytes(picture)
    attempt.artifacts.publish(staged, previews_folder(attempt.job.id))
    return PreviewedModel(record.id)


def _drawn(
    snapshot: Snapshot, request: PreviewRequest, threads: Threads
) -> Generator[NDArray[np.uint8], None, None]:
    """Draw column by column, and in it class by class; yields some images at a time."""
    try:
        for column in request.columns:
            sampler = sampler_class(snapshot.family).model_validate(dict(column.sampler))
            draws = list(_draws(snapshot, request, column))
            yield from draw_pixels(snapshot.model, draws, sampler, threads)
    finally:
        threads.release()


def _draws(snapshot: Snapshot, request: PreviewRequest, column: PreviewColumn) -> Iterator[Draw]:
    """List what a column shows; an image is the same whatever else is asked for beside it."""
    for label in map(snapshot.classes.index, request.classes):
        for number in range(request.images_per_class):
            index = label * MAX_IMAGES_PER_CLASS + number
            yield Draw({label: 1.0}, preview_seed(column.seed, index))
