"""Reports a training while it runs: its progress, losses, previews, KID and memorisation."""

from __future__ import annotations

import base64
import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.diagnosis import KNOWN, OVERFITTING
from models.family import Family
from models.registry import sampler_class
from models.sampling import MICRO_BATCH, sample_pixels
from models.seeding import preview_seed
from models.training.loop import Training
from models.training.monitor import THRESHOLD, MembershipMonitor
from models.training.progress import Progress
from release.cancellation import completed
from release.report.contact_sheets import contact_sheet
from service.domain.job import EventKind, JobProgress
from service.domain.previews import MAX_IMAGES_PER_CLASS
from workers.runtime.attempt import Attempt
from workers.runtime.progress import ProgressEstimator
from workers.train.kid_monitor import KID, KID_HIGH, KID_LOW, KidMonitor
from workers.train.metrics_history import MEMORISATION

PREVIEW_FRACTIONS = (0.25, 0.5, 0.75)
PREVIEW_IMAGES = 4
PREVIEW_MAX_SIDE = 64
KID_DIGITS = 4
SAMPLES_PER_CLASS = MAX_IMAGES_PER_CLASS  # so that a preview of seed 0 shows the same images


class Reporter:
    """Reports a training to the records, seldom enough not to slow it down.

    Args:
        attempt: Whose job's log and progress are written.
        training: What is reported.
        family: Of its model.
        monitor: Measures memorisation now and then; None where nothing does.
        kid: Measures KID now and then; None where nothing does.
    """

    def __init__(
        self,
        attempt: Attempt,
        training: Training,
        family: str,
        monitor: MembershipMonitor | None,
        kid: KidMonitor | None = None,
    ) -> None:
        self._attempt = attempt
        self._training = training
        self._monitor = monitor
        self._kid = kid
        self._warned = False
        self._sampler = sampler_class(family)()
        self._estimator = ProgressEstimator()
        reported = attempt.job.progress  # by an earlier attempt
        self._expected_seconds = reported.expected_seconds if reported else None
        self._fraction = 1.0  # of the first report, so that a resume repeats no preview

    def take(self, progress: Progress) -> None:
        """Report one step, if it is time to."""
        if progress.plan and self._expected_seconds is None:
            self._report_plan(progress)
        if progress.checkpointed:
            self._attempt.checkpointed(progress.images_seen)
        if self._attempt.report_due() or (progress.losses and progress.fraction == 1):
            self._attempt.report(self._job_progress(progress), _losses(progress) or None)
        passed = any(self._fraction < mark <= progress.fraction for mark in PREVIEW_FRACTIONS)
        self._fraction = progress.fraction
        if passed and progress.can_sample:
            self._preview(progress)
        if self._kid and progress.losses and progress.can_sample:
            self._report_kid(progress, self._kid)
        if self._monitor and progress.can_sample and self._monitor.due(progress.fraction):
            self._report_memorisation(progress, self._monitor)

    def _report_kid(self, progress: Progress, monitor: KidMonitor) -> None:
        """Compare what the model draws now with what it learns from, if it is time to."""
        if not monitor.due(progress.fraction):
            return
        with self._training.averaged() as model:
            found = monitor.measure(model, progress.fraction)
        if found is None:
            return
        figures = {KID: found.value, KID_LOW: found.low, KID_HIGH: found.high}
        rounded = {name: round(figure, KID_DIGITS) for name, figure in figures.items()}
        self._attempt.report(self._job_progress(progress), _losses(progress) | rounded)

    def _report_memorisation(self, progress: Progress, monitor: MembershipMonitor) -> None:
        """Compare included with excluded patients; report it, and warn the first time."""
        with self._training.averaged() as model:
            found = completed(monitor.measure(model, progress.fraction))
        if found is None:
            return
        self._attempt.report(self._job_progress(progress), {MEMORISATION: found})
        if found > THRESHOLD and not self._warned:
            self._warned = True
            message = f"{KNOWN.format(found)} A smaller budget may be enough."
            warning = {"level": "warning", "code": OVERFITTING, "message": message}
            self._attempt.log(EventKind.LOG, warning)

    def _report_plan(self, progress: Progress) -> None:
        """Report how long the job takes: the training, and the samples during and after it."""
        assert progress.expected_seconds is not None
        model = self._training.model
        with torch.no_grad():
            model.eval()
            began = time.monotonic()
            self._draw(model)
            seconds_per_draw = time.monotonic() - began
        num_images = SAMPLES_PER_CLASS * model.spec.num_classes
        num_draws = math.ceil(num_images / MICRO_BATCH[self._training.images.device.type])
        if self._training.budget.images is not None:
            num_draws += len(PREVIEW_FRACTIONS)
        self._expected_seconds = progress.expected_seconds + num_draws * seconds_per_draw
        planned = self._job_progress(progress)
        self._attempt.report(planned)
        stages = list(planned.plan)
        self._attempt.log(
            EventKind.PLAN, {"expected_seconds": planned.expected_seconds, "stages": stages}
        )

    def _job_progress(self, progress: Progress) -> JobProgress:
        estimated = self._estimator.progress(
            progress.stage, progress.images_seen, progress.total_images, progress.fraction
        )
        return replace(
            estimated,
            # nobody knows what share is done until a trial said how long the stages take
            fraction=estimated.fraction if progress.plan else None,
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
        labels = [index % model.spec.num_classes for index in range(PREVIEW_IMAGES)]
        seeds = [preview_seed(0, index) for index in range(PREVIEW_IMAGES)]
        [pixels] = sample_pixels(model, labels, seeds, self._sampler)
        return labels, pixels

    def _preview(self, progress: Progress) -> None:
        with self._training.averaged() as model:
            labels, pixels = self._draw(model)
        sheet = contact_sheet(pixels, PREVIEW_IMAGES, PREVIEW_MAX_SIDE)
        self._attempt.log(
            EventKind.SAMPLE,
            {
                "images_seen": progress.images_seen,
                "class_indices": labels,
                "png_base64": base64.b64encode(sheet).decode(),
            },
        )


def _losses(progress: Progress) -> dict[str, float]:
    return {name: float(term) for name, term in progress.losses.items()}
