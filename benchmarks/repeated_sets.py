"""What many small sets of one model get away with: each judged alone, and all of them together.

    python -m benchmarks.repeated_sets [--models 300]

A model copies a share of its images, and an exact copy is always flagged. Its sets of 256 images
are asked for one after the other, fifty times. The honest share of flagged images is drawn for each
model, as the held-out patients of one dataset draw it: Beta(1, m), m = 767 as on the main set. The
other metric flags nothing. No pixel is looked at: the law of the counts is all that decides.
"""

from __future__ import annotations

import argparse
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.machine import conditions
from release.estimate import share
from release.policy import Policy
from release.privacy.copies import p_value
from release.privacy.tally import Tally, copies_together, refused_before

RESULTS = Path(__file__).parent / "results" / "repeated_sets.json"
POLICY = Policy()
NUM_PATIENTS, NUM_METRICS = 767, 2
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
        honest = rng.beta(1, NUM_PATIENTS, options.models)
        judged = [
            judge(rng.binomial(NUM_IMAGES, copied + rate * (1 - copied), NUM_SETS))
            for rate in honest
        ]
        rows.append(described(copied, judged))
        print(json.dumps(rows[-1]), flush=True)
    about = {**conditions(), "models": options.models, "seed": SEED}
    options.output.write_text(json.dumps({"conditions": about, "rows": rows}, indent=1) + "\n")


def judge(num_flagged: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Say of each set whether it passes alone, and with those before it, (2, sets)."""
    tallies: list[Tally] = []
    passed = np.ones((2, len(num_flagged)), np.bool_)
    for place, count in enumerate(num_flagged.tolist()):
        p = alone(count)
        passed[:, place] = p >= POLICY.alpha / 3
        told = {
            "num_drawn": NUM_IMAGES,
            "num_flagged": {"first": count, "second": 0},
            "num_patients": NUM_PATIENTS,
            "excess": 1.0,
            "refused": p < POLICY.alpha / 3,
        }
        if tallies:
            findings = (
                copies_together([*tallies, told], POLICY),
                refused_before(tallies, place + 1),
            )
            passed[1, place] &= all(each.decision == "passed" for each in findings)
        tallies.append(told)
    return passed


@cache
def alone(num_flagged: int) -> float:
    """Return the p-value of one set."""
    p = p_value(num_flagged, NUM_IMAGES, NUM_PATIENTS, POLICY.flag_share)
    return min(1.0, NUM_METRICS * p)


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
        "models_ever_refused": share(int(refused.any(1).sum()), len(judged)).described(),
    }


if __name__ == "__main__":
    main()
