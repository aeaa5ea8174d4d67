"""Evaluates a sampled set: the privacy gate, its fidelity and its utility."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.features.extractors import Extractor
from release.fidelity.measure import measure_fidelity
from release.fidelity.results import Fidelity
from release.fidelity.validity import Validity
from release.gate.context import Candidate, History
from release.gate.result import GateResult
from release.report.build import Evaluation
from release.utility.measure import measure_utility
from release.utility.results import Utility
from workers.generate.gate_assets import GateAssets
from workers.generate.load import Inputs
from workers.generate.model_controls import model_controls
from workers.generate.prior_releases import neighbours_of_prior_releases
from workers.generate.sampling import SampledSet
from workers.runtime.attempt import Attempt

SEED = 0
UTILITY_SEEDS = 5
UTILITY_IMAGES = 4_000  # that each classifier sees


def evaluate(attempt: Attempt, inputs: Inputs, sampled: SampledSet) -> Evaluation:
    """Evaluate a set; the same images give the same figures.

    Args:
        attempt: Its artifacts hold the earlier releases.
        inputs: The real images, the gate and the request.
        sampled: The set, flagged images included.
    """
    labels = sampled.labels(inputs.snapshot.classes)
    unflagged = ~sampled.neighbours.flagged | (inputs.claim is not None)
    seen = sampled.pixels[unflagged], labels[unflagged]
    fidelity = _fidelity(inputs.assets, *seen)
    further = [_fidelity(inputs.assets, *seen, each) for each in inputs.extractors]
    validity = fidelity.validity if fidelity else Validity.unknown()
    examination = _examine(attempt, inputs, sampled, validity)
    utility = None
    if inputs.request.report == "full" and examination.verdict.released:
        kept = examination.kept & (labels >= 0)
        utility = _utility(inputs.assets, sampled.pixels[kept], labels[kept])
    return Evaluation(examination, fidelity, tuple(filter(None, further)), utility)


def _examine(
    attempt: Attempt, inputs: Inputs, sampled: SampledSet, validity: Validity
) -> GateResult:
    """Put the set before the gate, together with what is known of earlier ones."""
    assets, prior, snapshot = inputs.assets, inputs.prior, inputs.snapshot
    size = inputs.image_size
    candidate = Candidate(
        sampled.pixels,
        sampled.weights(snapshot.classes),
        validity,
        neighbours=sampled.neighbours,
        offered=sampled.offered,
        claim=inputs.claim,
        learned_elsewhere=inputs.learned_elsewhere,
    )
    by_this_model = map(assets.gate.measure, model_controls(assets.splits, snapshot))
    history = History(
        neighbours_of_prior_releases(attempt.artifacts, assets, prior.releases, size),
        prior.tallies,
        prior.number,
    )
    return assets.gate.evaluate(candidate, [*assets.controls, *by_this_model], history)


def _fidelity(
    assets: GateAssets,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    extractor: Extractor | None = None,
) -> Fidelity | None:
    rng = np.random.default_rng(SEED)
    try:
        return measure_fidelity(
            assets.classifier,
            assets.splits,
            pixels,
            labels,
            rng,
            extractor=extractor,
        )
    except ValueError:  # too few images, or too few patients, to compare
        return None


def _utility(
    assets: GateAssets, pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> Utility | None:
    if not len(labels):
        return None
    return measure_utility(
        assets.splits,
        pixels,
        labels,
        num_seeds=UTILITY_SEEDS,
        images_to_see=UTILITY_IMAGES,
    )
