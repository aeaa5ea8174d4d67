"""Does the gate find changed copies of large images as often as of small ones?

    python -m benchmarks.control_sizes --phantoms 800
    python -m benchmarks.control_sizes --data FOLDER

One dataset, stored at 512 px, is read at 64, 128, 256 and 512 px, with the same split. At each size
the gate learns as it does for a set of that size; then the same training images are changed in
every way of the positive controls, at that size, and it counts how many of them are flagged. A kind
is worse at a size where fewer are flagged than at 64 px, beyond chance: McNemar's exact test, one
side, each kind at 5 % over all sizes and kinds (Holm).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest

from benchmarks.copy_detection import Detectors
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import PUBLIC_KEY
from benchmarks.evaluation.report import rounded
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.phantom import FINDINGS
from radiographs.reading.sources import PhantomSource, Source
from radiographs.store.pixel_store import PixelStore
from release.data import Splits
from release.gate.control_transforms import CONTROL_TRANSFORMS, part_transforms
from workers.generate.gate_assets import splits_of

RESULTS = Path(__file__).parent / "results" / "control_sizes.json"
SIZES = (64, 128, 256, 512)
SEED = 0
ALPHA = 0.05
Flags = dict[str, NDArray[np.bool_]]  # by kind, (planted,)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    source: Source
    if options.data:
        source = FolderSource(options.data)
    else:
        each = dict.fromkeys(FINDINGS, options.phantoms // len(FINDINGS))
        source = PhantomSource(each, image_size=max(SIZES))
    with tempfile.TemporaryDirectory() as folder:
        ingest = IngestOptions(PUBLIC_KEY, image_size=max(SIZES), bit_depth=8)
        run(source, Path(folder), ingest)
        store = PixelStore.open(Path(folder))
        flags, seconds = {}, {}
        for size in SIZES:
            splits = splits_of(store, size)
            detectors = Detectors(splits, SEED, options.views)
            flags[size] = _flags(splits, detectors, options.planted)
            seconds[size] = detectors.seconds
            found = sum(int(each.sum()) for each in flags[size].values())
            print(f"{size} px: {found} of {sum(map(len, flags[size].values()))}", flush=True)
        about = {
            **conditions(),
            "dataset": store.fingerprint[:16],
            "T": len(splits.train),
            "H": len(splits.holdout),
            "planted": options.planted,
            "views": options.views,
            "CPU seconds": seconds,
        }
    rows = _rows(flags)
    part = "images" if options.data else "phantoms"
    known = json.loads(options.output.read_text()) if options.output.exists() else {}
    known[part] = rounded({"conditions": about, "rows": rows, "worse than at 64": _worse(flags)})
    options.output.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print("\n".join(f"| {row['kind']} | {row['flagged']} |" for row in rows))
    print("worse than at 64 px:", _worse(flags) or "none")


def _flags(splits: Splits, detectors: Detectors, num_planted: int) -> Flags:
    """Say of each planted image whether it is flagged."""
    order = np.random.default_rng(SEED).permutation(len(splits.train))
    chosen = splits.train.where(order[:num_planted])
    hosts = splits.holdout.pixels[np.arange(len(chosen)) % len(splits.holdout)]
    found = {}
    for control in (*CONTROL_TRANSFORMS, *part_transforms(hosts)):
        seen = detectors.seen(control.apply(chosen.pixels, SEED), chosen.labels)
        found[control.name] = detectors.index.calibration.flagged(seen.closeness)
    fresh = detectors.seen(splits.test.pixels, splits.test.labels)
    found["none: images of the test split"] = detectors.index.calibration.flagged(fresh.closeness)
    return found


def _rows(flags: dict[int, Flags]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "planted": len(of_kind),
            "flagged": {str(size): int(each[kind].sum()) for size, each in flags.items()},
        }
        for kind, of_kind in flags[min(SIZES)].items()
    ]


def _worse(flags: dict[int, Flags]) -> list[dict[str, Any]]:
    """List the kinds that are found less often at a size than at the smallest, beyond chance."""
    smallest = flags[min(SIZES)]
    tests = []
    for size in SIZES[1:]:
        for kind, before in smallest.items():
            if kind.startswith("none"):
                continue
            lost = int((before & ~flags[size][kind]).sum())
            won = int((~before & flags[size][kind]).sum())
            if lost > won:
                p_value = binomtest(lost, lost + won, alternative="greater").pvalue
                tests.append((float(p_value), size, kind, lost, won))
    tests.sort()
    num_tests = (len(SIZES) - 1) * (len(smallest) - 1)
    worse = []
    for place, (p_value, size, kind, lost, won) in enumerate(tests):
        if p_value * (num_tests - place) > ALPHA:
            break
        worse.append({"size": size, "kind": kind, "lost": lost, "won": won, "p": p_value})
    return worse


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.control_sizes", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images of 512 px")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--planted", type=int, default=100, help="near-duplicates of each kind")
    parser.add_argument("--views", type=int, default=8000, help="that the copy detector learns by")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
