"""Phantoms that nobody trained on, examined as sets, with splits drawn at random anew for each."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import numpy as np

from benchmarks.proofs.phantoms import NUM_TRAINED
from benchmarks.proofs.pool import Pool
from benchmarks.proofs.trained import bench
from benchmarks.proofs.trial import Trial
from radiographs.phantom import FINDINGS
from release.data import LabelledImages, Splits, class_weights
from release.fidelity.validity import Validity
from release.gate.context import Candidate
from release.gate.gate import Gate
from release.gate.result import GateResult

PART = "fresh phantoms"
NUM_TRIALS = 200
NUM_REAL, NUM_FRESH = 1200, 800
AUDIT_SHARE = 0.4  # of the real ones, at random
NUM_IMAGES = 480  # of a set


@cache
def _images() -> tuple[LabelledImages, LabelledImages]:
    """Give real images, which the metrics have all learned from alike, and fresh ones."""
    splits = bench(NUM_TRAINED).splits
    return splits.train.where(np.arange(NUM_REAL)), splits.test.where(np.arange(NUM_FRESH))


@cache
def _metrics() -> list[Pool]:
    pool = np.concatenate([images.pixels for images in _images()])
    return [Pool(metric, pool) for metric in bench(NUM_TRAINED).metrics]


@cache
def _validity() -> Validity:
    return bench(NUM_TRAINED).validity(_images()[1])


def examined(seed: int) -> GateResult:
    """Split the real images at random, and draw a set from the fresh ones."""
    rng = np.random.default_rng(seed)
    real, fresh = _images()
    held_out = rng.random(len(real)) < AUDIT_SHARE
    trained = real.where(~held_out)
    splits = Splits(
        FINDINGS,
        trained,
        rng.random(len(trained)) < AUDIT_SHARE / (1 - AUDIT_SHARE),
        real.where(held_out),
        real.where(np.zeros(len(real), np.bool_)),
        f"random-split-{seed}",
    )
    images = fresh.where(rng.choice(len(fresh), NUM_IMAGES, replace=False))
    weights = class_weights(images.labels, len(splits.classes))
    candidate = Candidate(images.pixels, weights, _validity())
    return Gate(splits, _metrics()).evaluate(candidate, bench(NUM_TRAINED).controls)


def trials() -> Iterator[Trial]:
    """List the sets."""
    for seed in range(NUM_TRIALS):
        yield Trial(PART, "fresh phantoms", "passed", seed, partial(examined, seed))
