"""Samples the images of a set, and others in place of those that the gate flags as copies."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count, cycle, islice
from math import ceil
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.config import FamilySampler
from models.registry import sampler_class
from models.sampling import Draw, draw_pixels
from models.seeding import image_seed
from models.snapshot import Snapshot
from models.threads import Threads
from release.cancellation import check_cancelled
from release.gate.gate import Gate
from release.gate.policy import Policy
from release.gate.set_neighbours import SetNeighbours
from release.package.spool import StagedImages
from release.sample_spec import SampleSpec
from service.domain.job import JobProgress
from workers.generate.kept_images import KeptImages
from workers.generate.load import POLICY, Inputs
from workers.generate.plan import to_draw
from workers.runtime.attempt import Attempt, Stopped
from workers.runtime.device import threads_on
from workers.runtime.progress import ProgressEstimator

SAMPLING, EXAMINING = "sampling", "examining"
NONE = -1


@dataclass(frozen=True, eq=False)
class SampledSet:
    """Every image that was drawn, and which of them the set is offered.

    Attributes:
        pixels: (n, size, size), in the order of drawing, flagged images included.
        specs: (n,), what each was drawn from.
        neighbours: Of each, among the real images.
        offered: (images asked for,), the place among those drawn of the image for each; -1 where
            every one drawn for it was flagged.
    """

    pixels: NDArray[np.uint8]
    specs: Sequence[SampleSpec]
    neighbours: SetNeighbours
    offered: NDArray[np.int64]

    def released(self, kept: NDArray[np.bool_]) -> list[int]:
        """Return the places of the images asked for that were kept, in their order.

        Args:
            kept: (n,), what the gate let through of all that was drawn.
        """
        return [place for place in self.offered.tolist() if place != NONE and kept[place]]

    def labels(self, classes: Sequence[str]) -> NDArray[np.int64]:
        """Return the class of each image by its place in `classes`; -1 for an image of no class."""
        numbers = {None: NONE} | {label: number for number, label in enumerate(classes)}
        return np.array([numbers[spec.class_label] for spec in self.specs], dtype=np.int64)

    def weights(self, classes: Sequence[str]) -> NDArray[np.float64]:
        """Return how much of each class each image shows, (n, classes); rows add up to 1."""
        shown = [spec.class_weights for spec in self.specs]
        return np.array([[each.get(label, 0.0) for label in classes] for each in shown])


def sample(attempt: Attempt, inputs: Inputs, plan: Sequence[SampleSpec]) -> SampledSet:
    """Sample a set; with differential privacy nothing may depend on what the gate flags.

    Args:
        attempt: Holds the images until they are packaged, and reports the progress.
        inputs: The model, the gate and the request.
        plan: What each image asked for is drawn from.
    """
    sampler = sampler_class(inputs.snapshot.family).model_validate(dict(inputs.request.sampler))
    path = attempt.staging("drawn") / "images.raw"
    threads = threads_on(_device_of(inputs.snapshot), attempt.settings.torch_threads)
    seed, upscale = inputs.request.seed, inputs.request.upscale
    drawing = SetSampler(attempt, inputs.snapshot, sampler, plan, seed, path, threads, upscale)
    kept = _kept_images(attempt, inputs)
    try:
        return drawing.draw(inputs.assets.gate, POLICY, kept, replace_flagged=inputs.claim is None)
    except Stopped:
        kept.keep()
        attempt.keep_checkpoints()
        raise


def _kept_images(attempt: Attempt, inputs: Inputs) -> KeptImages:
    """Find what earlier attempts drew on a device whose bits are the same."""
    device = _device_of(inputs.snapshot).type
    batch = f"{device}-{inputs.assets.gate.num_needed}"
    return KeptImages(
        attempt.checkpoints.path / batch, attempt.settings.checkpoint_interval_seconds
    )


def _device_of(snapshot: Snapshot) -> torch.device:
    return next(snapshot.model.parameters()).device


class SetSampler:
    """The images of one set, drawn in rounds.

    Image k of the request draws from the k-th seed of the set. What is drawn beyond the request,
    be it to examine a small set better or in place of a flagged image, draws from the seeds behind
    these, so that the same request always draws the same images.

    Args:
        attempt: Reports the progress.
        snapshot: The model.
        sampler: The settings it samples with.
        wanted: The images asked for, in order.
        seed: The set's.
        path: File that holds the images until they are packaged.
        threads: Those that draw.
        upscale: Side to which the model enlarges the images; None where it does not.
    """

    def __init__(
        self,
        attempt: Attempt,
        snapshot: Snapshot,
        sampler: FamilySampler,
        wanted: Sequence[SampleSpec],
        seed: int,
        path: Path,
        threads: Threads | None = None,
        upscale: int | None = None,
    ) -> None:
        self._attempt, self._snapshot, self._sampler = attempt, snapshot, sampler
        self._wanted = list(wanted)
        num_own = sum(each.has_seed_of_set for each in wanted)
        self._seeds = (image_seed(seed, index) for index in count(num_own))
        self._upscaled = upscale is not None
        self._images = StagedImages(path, upscale or snapshot.model.spec.size)
        self._specs: list[SampleSpec] = []
        self._estimator = ProgressEstimator()
        self._threads = threads or Threads()

    def draw(
        self,
        gate: Gate,
        policy: Policy,
        kept: KeptImages | None = None,
        *,
        replace_flagged: bool = True,
    ) -> SampledSet:
        """Draw the images asked for and, in up to so many rounds, others for the flagged ones.

        Args:
            gate: Flags images.
            policy: Says how often images may be drawn anew, and how many.
            kept: What earlier attempts drew of the first round, which is the long one.
            replace_flagged: False where nothing may depend on what is flagged.
        """
        compared = [self._round(gate, [*self._wanted, *self._extra(gate.num_needed)], kept)]
        offered = np.arange(len(self._wanted))
        if not replace_flagged:
            return SampledSet(self._images.pixels, self._specs, compared[0], offered)
        spare = ceil(policy.spare_share * len(self._wanted))
        for _ in range(policy.rounds):
            flagged = np.concatenate([each.flagged for each in compared])
            lacking = [
                place
                for place in np.flatnonzero(flagged[offered]).tolist()
                if self._wanted[place].has_seed_of_set
            ][:spare]
            if not lacking:
                break
            spare -= len(lacking)
            first = len(self._specs)
            again = [self._wanted[place].redrawn(self._seeds) for place in lacking]
            compared.append(self._round(gate, again))
            offered[lacking] = np.arange(first, first + len(lacking))
        neighbours = SetNeighbours.concatenated(compared)
        offered[neighbours.flagged[offered]] = NONE
        return SampledSet(self._images.pixels, self._specs, neighbours, offered)

    def _extra(self, num_needed: int) -> Iterator[SampleSpec]:
        """Draw more of each kind asked for, where the set alone is too small to be examined."""
        lacking = max(0, num_needed - len(self._wanted))
        return (spec.redrawn(self._seeds) for spec in islice(cycle(self._wanted), lacking))

    def _round(
        self, gate: Gate, specs: Sequence[SampleSpec], kept: KeptImages | None = None
    ) -> SetNeighbours:
        """Draw images and compare them with the real ones.

        Only the first round is reported: the progress of others would show what was flagged.
        """
        first = len(self._specs)
        draws = [to_draw(spec, self._snapshot.classes) for spec in specs]
        total = len(draws)
        # closed here, and not when the last reference goes: an error keeps its frames
        with closing(self._drawn(draws, kept)) as drawn:
            for batch in drawn:
                self._images.append(batch)
                check_cancelled()
                if first == 0 and self._attempt.report_due():
                    done = len(self._images)
                    progress = self._estimator.progress(SAMPLING, done, total, done / total)
                    self._attempt.report(progress)
        if first == 0:
            self._attempt.report(JobProgress(EXAMINING))  # to the end, for the same reason
        self._specs += specs
        return gate.compare(self._images.pixels[first:])

    def _drawn(
        self, draws: Sequence[Draw], kept: KeptImages | None
    ) -> Generator[NDArray[np.uint8], None, None]:
        """Take what was kept, and draw the rest."""
        num_kept = 0
        for part in kept.read() if kept else ():
            num_kept += len(part)
            yield part
        model, left, upscaled = self._snapshot.model, draws[num_kept:], self._upscaled
        try:
            for batch in draw_pixels(model, left, self._sampler, self._threads, upscaled=upscaled):
                if kept and kept.add(batch):
                    self._attempt.checkpointed(len(self._images) + len(batch))
                yield batch
        finally:
            self._threads.release()  # the bits of what the gate computes may depend on them
