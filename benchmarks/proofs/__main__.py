"""How often the gate is right: `make proofs` writes docs/proofs.md, and its figures as JSON.

Every set that is put to the gate is one of which it is known what leaked. What the gate said is
written down set by set, so that a run that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
from itertools import chain
from pathlib import Path

import torch

from benchmarks.proofs import cases, fresh, trained
from benchmarks.proofs.page import figures, page
from benchmarks.proofs.trial import OutcomeLog, tried

RESULTS = Path(__file__).parents[1] / "results" / "proofs.json"
PARTS = {part.PART: part.trials for part in (trained, fresh, cases)}


def main() -> None:
    """Try all sets and write what came of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--kept", type=Path, default=Path("out/proofs"), help="for what is done")
    parser.add_argument("--out", type=Path, default=Path("docs/proofs.md"))
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    log = OutcomeLog(options.kept / "sets.jsonl")
    trials = chain.from_iterable(PARTS[part]() for part in options.part)
    try:
        for trial in log.lacking(trials):
            outcome = tried(trial)
            log.write(outcome)
            print(f"{outcome.case} ({outcome.seed}): {outcome.said}", flush=True)
    except KeyboardInterrupt:
        print("Interrupted: the page says what is lacking, and the next run goes on from here.")
    every = [trial for part in PARTS.values() for trial in part()]
    outcomes, lacking = log.of(every), list(log.lacking(every))
    options.out.write_text(page(outcomes, lacking), encoding="utf-8")
    text = json.dumps(figures(outcomes), indent=1)
    options.results.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
