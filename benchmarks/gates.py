"""Who finds planted leaks, and who refuses honest sets: the gate beside three rules in common use.

    python -m benchmarks.gates [--worlds 20]

All judge the same sets of the made-up worlds of `benchmarks/proofs/`, where what leaked is known.
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
from benchmarks.proofs.world import Euclidean, World
from release.data import Pixels
from release.gate.gate import Gate
from release.stats.intervals import share

RESULTS = Path(__file__).parent / "results" / "gates.json"
FIRST_SEED = 5000
LEAKS: dict[str, Callable[[World], Pixels]] = {
    "1 % near copies": lambda world: world.copying(0.01),
    "5 % near copies": lambda world: world.copying(0.05),
    "five patients in 1 %": lambda world: world.leaking(5, 0.01),
    "every image drawn 15 % towards T": lambda world: world.drawn_towards(1.0, 0.15),
}
HONEST: dict[str, Callable[[World], Pixels]] = {
    "honest": World.honest,
    "honest, but all too typical": World.typical,
}


def main() -> None:
    """Judge every set by every rule and write how often each refused."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--worlds", type=int, default=20, help="of each kind of set")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    for name, make in {**LEAKS, **HONEST}.items():
        refused = dict.fromkeys(RULES, 0)
        for seed in range(FIRST_SEED, FIRST_SEED + options.worlds):
            world = World(seed)
            images = make(world)
            for rule, refuses in RULES.items():
                refused[rule] += refuses(world, images)
        shares = {rule: share(each, options.worlds).to_json() for rule, each in refused.items()}
        rows.append({"set": name, "should_be_refused": name in LEAKS, "refused": shares})
        counts = " | ".join(f"{each} of {options.worlds}" for each in refused.values())
        print(f"| {name} | {counts} |", flush=True)
    about = {**conditions(), "worlds": options.worlds, "first_seed": FIRST_SEED}
    options.output.write_text(json.dumps({"conditions": about, "rows": rows}, indent=1) + "\n")


def gate(world: World, images: Pixels) -> bool:
    """Refuse as the service does."""
    of_no_class = np.zeros((len(images), len(world.splits.classes)))
    judge = Gate(world.splits, [Euclidean()])
    found = evaluated(judge, world, images, of_no_class)
    return found.verdict.outcome == "refused"


def dcr_share(world: World, images: Pixels) -> bool:
    """Refuse where images lie nearer to T than to as many images of H too often."""
    audit = world.splits.holdout.pixels
    as_many = world.rng.choice(len(world.splits.train), len(audit), replace=False)
    to_trained = _distances(images, world.splits.train.pixels[as_many], 1)[:, 0]
    to_audit = _distances(images, audit, 1)[:, 0]
    return bool(2 * (1 - (to_trained < to_audit).mean()) < 0.9)


def neighbour_ratio(world: World, images: Pixels) -> bool:
    """Refuse where the nearest image of T stands out from the second nearest too often."""

    def low_ratio(queries: Pixels) -> float:
        near = _distances(queries, world.splits.train.pixels, 2)
        return float(np.quantile(near[:, 0] / np.maximum(near[:, 1], 1e-9), 0.05))

    return low_ratio(images) < 0.8 * low_ratio(world.splits.holdout.pixels)


def fixed_distance(world: World, images: Pixels) -> bool:
    """Refuse where any image is nearer to T than images that nobody trained on ever are."""
    trained = world.splits.train.pixels
    held_out = _distances(world.splits.holdout.pixels, trained, 1)[:, 0]
    return bool((_distances(images, trained, 1)[:, 0] < np.quantile(held_out, 0.001)).any())


RULES: dict[str, Callable[[World, Pixels], bool]] = {
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
