"""Who finds planted leaks, and who refuses honest sets: the gate beside three rules in common use.

    python -m benchmarks.gates [--simulations 20]

All are given the same sets of simulated datasets (`benchmarks/proofs/`), where the leak is known.
The three rules are given the held-out images too, and thresholds that their authors or users name:

- **DCR share**: an image counts against the set when its nearest image is one of T rather than of
  as many of H; refused when the score 2 (1 - share), at most 1, is below 0.9. As SDMetrics'
  DCROverfittingProtection scores (SDMetrics documentation, "DCROverfittingProtection").
- **neighbour ratio**: distance to the nearest image of T over that to the second nearest; refused
  when the 5 % quantile over the set is below four fifths of that over H (Zhao et al. 2021,
  arXiv:2102.08369, "NNDR").
- **fixed distance**: refused when any image lies nearer to T than 999 of 1,000 images of H do, as a
  fixed threshold on a re-identification distance does.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.evaluation.machine import conditions
from benchmarks.proofs.cases import evaluated
from benchmarks.proofs.simulation import Euclidean, Simulation
from release.data import Pixels
from release.gate.gate import Gate
from release.stats.intervals import share

RESULTS = Path(__file__).parent / "results" / "gates.json"
FIRST_SEED = 5000
LEAKS: dict[str, Callable[[Simulation], Pixels]] = {
    "1 % near copies": lambda simulation: simulation.copying(0.01),
    "5 % near copies": lambda simulation: simulation.copying(0.05),
    "five patients in 1 %": lambda simulation: simulation.leaking(5, 0.01),
    "every image drawn 15 % towards T": lambda simulation: simulation.drawn_towards(1.0, 0.15),
}
HONEST: dict[str, Callable[[Simulation], Pixels]] = {
    "honest": Simulation.honest,
    "honest, but all too typical": Simulation.typical,
}


def main() -> None:
    """Judge every set by every rule and write how often each refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--simulations", type=int, default=20, help="of each kind of set")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    for name, make in {**LEAKS, **HONEST}.items():
        refused = dict.fromkeys(RULES, 0)
        for seed in range(FIRST_SEED, FIRST_SEED + options.simulations):
            simulation = Simulation(seed)
            images = make(simulation)
            for rule, refuses in RULES.items():
                refused[rule] += refuses(simulation, images)
        shares = {
            rule: share(each, options.simulations).to_json() for rule, each in refused.items()
        }
        rows.append({"set": name, "should_be_refused": name in LEAKS, "refused": shares})
        counts = " | ".join(f"{each} of {options.simulations}" for each in refused.values())
        print(f"| {name} | {counts} |", flush=True)
    about = {**conditions(), "simulations": options.simulations, "first_seed": FIRST_SEED}
    options.output.write_text(json.dumps({"conditions": about, "rows": rows}, indent=1) + "\n")


def gate(simulation: Simulation, images: Pixels) -> bool:
    """Refuse as the service does."""
    of_no_class = np.zeros((len(images), len(simulation.splits.classes)))
    judge = Gate(simulation.splits, [Euclidean()])
    found = evaluated(judge, simulation, images, of_no_class)
    return found.verdict.outcome == "refused"


def dcr_share(simulation: Simulation, images: Pixels) -> bool:
    """Refuse where images lie nearer to T than to as many images of H too often."""
    audit = simulation.splits.holdout.pixels
    as_many = simulation.rng.choice(len(simulation.splits.train), len(audit), replace=False)
    to_trained = _distances(images, simulation.splits.train.pixels[as_many], 1)[:, 0]
    to_audit = _distances(images, audit, 1)[:, 0]
    return bool(2 * (1 - (to_trained < to_audit).mean()) < 0.9)


def neighbour_ratio(simulation: Simulation, images: Pixels) -> bool:
    """Refuse where the nearest image of T stands out from the second nearest too often."""

    def low_ratio(queries: Pixels) -> float:
        near = _distances(queries, simulation.splits.train.pixels, 2)
        return float(np.quantile(near[:, 0] / np.maximum(near[:, 1], 1e-9), 0.05))

    return low_ratio(images) < 0.8 * low_ratio(simulation.splits.holdout.pixels)


def fixed_distance(simulation: Simulation, images: Pixels) -> bool:
    """Refuse where any image is nearer to T than images that nobody trained on ever are."""
    trained = simulation.splits.train.pixels
    held_out = _distances(simulation.splits.holdout.pixels, trained, 1)[:, 0]
    return bool((_distances(images, trained, 1)[:, 0] < np.quantile(held_out, 0.001)).any())


RULES: dict[str, Callable[[Simulation, Pixels], bool]] = {
    "gate": gate,
    "DCR share": dcr_share,
    "neighbour ratio": neighbour_ratio,
    "fixed distance": fixed_distance,
}


def _distances(queries: Pixels, among: Pixels, k: int) -> np.ndarray:
    metric = Euclidean()
    return metric.nearest(metric.embed(queries), metric.embed(among), k).distances


if __name__ == "__main__":
    main()
