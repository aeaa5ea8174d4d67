"""What many small sets of one model get away with: each judged alone, and all of them together.

    python -m benchmarks.repeated_sets [--models 300]

A model copies a share of its images, changed a little: each copy is flagged, none is a copy beyond
doubt. Its sets are asked for one after the other, fifty times. What honest images do is drawn anew
for each model, as the m real patients of one dataset draw it. No pixel is looked at: the law of the
counts is all that decides. 256 images are what is examined of a small set where too few patients
are there for more.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.machine import conditions
from release.gate.calibration import rank_of_threshold
from release.gate.checks import copy_count, cumulative_tally, earlier_refusal
from release.gate.checks.cumulative_tally import tally_of
from release.gate.context import Tally
from release.gate.copy_counts import CopyCounts, Count
from release.gate.policy import Policy
from release.stats.intervals import share

RESULTS = Path(__file__).parent / "results" / "repeated_sets.json"
POLICY = Policy()
NUM_PATIENTS = 5_400
NUM_IMAGES, NUM_SETS = 256, 50
COPIED = (0.0, 0.005, 0.01, 0.015, 0.02)
SEED = 0


def main() -> None:
    """Ask many models for many sets, and write how many passed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--models", type=int, default=300, help="for each share of copies")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    rows = []
    for copied in COPIED:
        judged = [judge(copied, rng) for _ in range(options.models)]
        rows.append(described(copied, judged))
        print(json.dumps(rows[-1]), flush=True)
    about = {**conditions(), "models": options.models, "seed": SEED}
    options.output.write_text(json.dumps({"conditions": about, "rows": rows}, indent=1) + "\n")


def judge(copied: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Say of each set of a model whether it passes alone, and with those before it, (2, sets)."""
    ranks = [rank_of_threshold(NUM_PATIENTS, share) for share in POLICY.copy_shares]
    thresholds = np.sort(rng.random(NUM_PATIENTS))[np.array(ranks) - 1]
    tallies: list[Tally] = []
    passed = np.ones((2, NUM_SETS), np.bool_)
    for place in range(NUM_SETS):
        places = rng.random(NUM_IMAGES) * (rng.random(NUM_IMAGES) >= copied)  # copies at 0
        near = tuple(int((places <= threshold).sum()) for threshold in thresholds)
        found = CopyCounts(Count(NUM_IMAGES, NUM_PATIENTS, tuple(ranks), near), {}, 0)
        own = copy_count.judge(found, POLICY)
        counted = tally_of(found, (), [own])
        passed[:, place] = own.decision == "passed"
        if tallies:
            findings = (
                cumulative_tally.judge([*tallies, counted], POLICY),
                earlier_refusal.judge(tallies, place + 1),
            )
            passed[1, place] &= all(each.decision == "passed" for each in findings)
        tallies.append(counted)
    return passed


def described(copied: float, judged: list[NDArray[np.bool_]]) -> dict[str, Any]:
    """Return the figures of one share of copies."""
    passed = np.stack(judged)  # (models, 2, sets)
    refused = ~passed[:, 1]
    first = np.where(refused.any(1), refused.argmax(1) + 1, NUM_SETS + 1)
    return {
        "copied": copied,
        "sets_passed_alone": round(float(passed[:, 0].sum(1).mean()), 1),
        "sets_passed_together": round(float(passed[:, 1].sum(1).mean()), 1),
        "first_refusal_median": float(np.median(first)),
        "first_refusal_in_nine_of_ten_models": float(np.quantile(first, 0.9)),
        "models_ever_refused": share(int(refused.any(1).sum()), len(judged)).to_json(),
    }


if __name__ == "__main__":
    main()
