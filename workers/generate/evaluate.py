"""Examines what was drawn: whether it may leave, how real it looks, what it is good for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.snapshot import Snapshot
from release.examination import Examination
from release.fidelity.extractors import Extractor
from release.fidelity.measure import measure_fidelity
from release.fidelity.rows import Fidelity
from release.fidelity.validity import Validity
from release.look import Look
from release.privacy.epsilon import Claim
from release.utility.measure import measure_utility
from release.utility.results import Utility
from release.verdict import Verdict
from workers.generate.gate_assets import GateAssets
from workers.generate.prior_releases import PriorSets
from workers.generate.sampling import SampledSet
from workers.planting import by_model
from workers.runtime.attempt import Attempt

SEED = 0
UTILITY_SEEDS = 5
UTILITY_IMAGES = 4_000  # that each classifier sees


@dataclass(frozen=True)
class Found:
    """All that was found of a set.

    Attributes:
        examination: By the gate.
        fidelity: None where there were too few images to compare.
        further_fidelity: The same by each network that the operator supplies.
        utility: None where it was not asked for, or the set may not leave anyway.
    """

    examination: Examination
    fidelity: Fidelity | None
    further_fidelity: tuple[Fidelity, ...]
    utility: Utility | None


def examine(
    attempt: Attempt,
    evidence: GateAssets,
    drawn: SampledSet,
    snapshot: Snapshot,
    earlier: PriorSets,
    released: Look | None,
    *,
    claim: Claim | None,
    extractors: Iterable[Extractor],
    full: bool,
) -> Found:
    """Examine a set; the same images give the same figures.

    Args:
        attempt: At the job.
        evidence: The real images and what sees them.
        drawn: The set, flagged images included.
        snapshot: What drew it.
        earlier: The sets that count in its examination.
        released: What was seen of the released ones among them.
        claim: Differential privacy that the model promises.
        extractors: Networks to compare the set by, besides our own.
        full: Whether to measure what the images are good for.
    """
    labels = drawn.labels(snapshot.classes)
    unflagged = ~drawn.look.flagged | (claim is not None)
    seen = drawn.pixels[unflagged], labels[unflagged]
    fidelity = _fidelity(attempt, evidence, *seen)
    further = [_fidelity(attempt, evidence, *seen, each) for each in extractors]
    examination = evidence.gate.examine(
        drawn.pixels,
        drawn.weights(snapshot.classes),
        look=drawn.look,
        validity=fidelity.validity if fidelity else Validity.unknown(),
        planted=list(by_model(evidence.folds, snapshot, attempt.check)),
        controls=evidence.controls,
        earlier=released,
        attempts=earlier.tallies,
        attempt_number=earlier.number,
        claim=claim,
    )
    verdict = examination.verdict
    readable = verdict.may_leave or verdict.code == "power"  # by some, see service.domain.access
    if readable and not drawn.released(examination.kept):
        nothing = Verdict.inconclusive("nothing_left", verdict.num_filtered)
        examination = replace(examination, verdict=nothing)
    utility = None
    kept = examination.kept & (labels >= 0)
    if full and examination.verdict.may_leave and kept.any():
        utility = measure_utility(
            evidence.folds,
            drawn.pixels[kept],
            labels[kept],
            num_seeds=UTILITY_SEEDS,
            images_to_see=UTILITY_IMAGES,
            check=attempt.check,
        )
    return Found(examination, fidelity, tuple(filter(None, further)), utility)


def _fidelity(
    attempt: Attempt,
    evidence: GateAssets,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    extractor: Extractor | None = None,
) -> Fidelity | None:
    rng = np.random.default_rng(SEED)
    try:
        return measure_fidelity(
            evidence.classifier,
            evidence.folds,
            pixels,
            labels,
            rng,
            extractor=extractor,
            check=attempt.check,
        )
    except ValueError:  # too few images, or too few patients, to compare
        return None
