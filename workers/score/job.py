"""The score job: from uploaded images to how likely a model finds them, beside held-out ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.family import Family
from models.scoring import Scores as ScoresOfImages
from models.scoring import scores_by_class, scores_by_label
from radiographs.prepared_image import StoredForm
from radiographs.splits.split import Split
from radiographs.store.pixel_store import PixelStore, SplitImages
from release.cancellation import check_cancelled
from release.stats.percentiles import percentiles
from service.adapters.score_file import write_scores
from service.domain.errors import DatasetNotFound
from service.domain.records import Model, ScoredImages
from service.domain.requests import ScoreRequest
from service.domain.scores import ClassScore, HeldOut, ScoredImage, Scores, scores_folder
from service.validation.score import check_model
from workers.generate.load import snapshot_of
from workers.generate.model_cache import ModelCache
from workers.runtime.attempt import Attempt
from workers.runtime.progress import ProgressEstimator
from workers.score.images import SentImages, read_images

MAX_HELD_OUT = 300  # images of a class, so that a large dataset does not take long
_DIGITS = 6


def score(attempt: Attempt, request: ScoreRequest) -> ScoredImages:
    """Score the images that came with the job.

    Raises:
        ArtifactMissing, ScoreUnavailable, TooManyImages, NoImages: See the error tree.
        IngestRefused: The upload is no ZIP that may be opened.
    """
    record = attempt.records.catalog.model(request.model_id)
    check_model(record)
    snapshot = snapshot_of(attempt, record, ModelCache.of(attempt.settings))
    form = StoredForm(record.image_size, 8, request.fit)
    upload = attempt.artifacts.upload_path(attempt.job.id)
    sent = read_images(upload, record.classes, request.label, form)
    scores = _Scoring(attempt, record, snapshot.model).of(sent)
    staged = attempt.staging()
    write_scores(staged, scores)
    attempt.artifacts.publish(staged, scores_folder(attempt.job.id))
    return ScoredImages(record.id)


@dataclass
class _Scoring:
    attempt: Attempt
    record: Model
    model: Family[Any, Any]
    estimator: ProgressEstimator = field(default_factory=ProgressEstimator)

    def of(self, sent: SentImages) -> Scores:
        """Score what was sent, and the held-out images of its dataset."""
        held_out = self._held_out_images()
        usual = self._by_class_of_held_out(held_out)
        scoring = scores_by_class(self.model, sent.pixels)
        found = np.concatenate(list(self._steps(scoring, "scoring", len(sent.pixels))))
        files = list(sent.files)
        for place, scores in zip(sent.readable, found, strict=True):
            files[place] = self._scored(files[place], scores, usual)
        kind = self.model.config.likelihood_score()
        assert kind is not None, "the model was asked for it"
        return Scores(
            self.record.id,
            kind,
            {
                label: HeldOut(len(some), _rounded(np.median(some)) if len(some) else None)
                for label, some in zip(self.record.classes, usual, strict=True)
            },
            tuple(files),
        )

    def _scored(
        self, file: ScoredImage, scores: ScoresOfImages, usual: Sequence[ScoresOfImages]
    ) -> ScoredImage:
        """Give a file its scores."""
        classes = self.record.classes
        by_class = {
            label: ClassScore(_rounded(value), _percentile(value, some))
            for label, value, some in zip(classes, scores, usual, strict=True)
        }
        most_likely = classes[int(scores.argmax())]
        own = by_class[file.label or most_likely]
        margin = None
        if file.label and len(classes) > 1:
            place = classes.index(file.label)
            margin = _rounded(scores[place] - np.delete(scores, place).max())
        return replace(
            file,
            most_likely=most_likely,
            score=own.score,
            percentile=own.percentile,
            margin=margin,
            by_class=by_class,
        )

    def _held_out_images(self) -> SplitImages | None:
        """Read one held-out image of each patient; None where the dataset is gone."""
        try:
            dataset = self.attempt.records.catalog.dataset(self.record.dataset_id)
        except DatasetNotFound:
            return None
        if dataset.artifact is None or not self.attempt.artifacts.exists(dataset.artifact.key):
            return None
        store = PixelStore.open(self.attempt.artifacts.path(dataset.artifact.key))
        images = store.images_of(Split.HOLDOUT, size=self.record.image_size)
        first = np.unique(images.groups, return_index=True)[1]
        chosen = [
            _evenly(first[images.labels[first] == label])
            for label in range(len(self.record.classes))
        ]
        places = np.concatenate(chosen)
        return SplitImages(
            images.pixels[places],
            images.labels[places],
            images.groups[places],
            images.splits[places],
        )

    def _by_class_of_held_out(self, images: SplitImages | None) -> list[ScoresOfImages]:
        """Score held-out images as ones of their own class; returns them by class."""
        num_classes = len(self.record.classes)
        if images is None or not len(images.labels):
            return [np.empty(0)] * num_classes
        scoring = scores_by_label(self.model, images.pixels, images.labels)
        # progress is for everybody, and how many images are held out is not
        scores = np.concatenate(list(self._steps(scoring, "scoring held-out images", None)))
        return [scores[images.labels == label] for label in range(num_classes)]

    def _steps(
        self, work: Iterator[ScoresOfImages], phase: str, total: int | None
    ) -> Iterator[ScoresOfImages]:
        """Report how far a phase is, between batches; nothing of how much, without a total."""
        num_seen = 0
        for scores in work:
            check_cancelled()
            num_seen += len(scores) if total else 0
            if self.attempt.report_due():
                share = num_seen / total if total else 0.0
                self.attempt.report(self.estimator.progress(phase, num_seen, total, share))
            yield scores


def _evenly(places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Take at most so many places, from everywhere among them."""
    num = min(len(places), MAX_HELD_OUT)
    return places[np.linspace(0, len(places) - 1, num).astype(np.intp)] if num else places


def _percentile(value: float, among: ScoresOfImages) -> float | None:
    if not len(among):
        return None
    return round(float(percentiles(np.array([value]), among)[0]), 2)


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS)
