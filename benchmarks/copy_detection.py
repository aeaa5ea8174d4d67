"""Which kinds of copies does the gate find, and how often does it refuse honest sets?

    python -m benchmarks.copy_detection --data FOLDER
    python -m benchmarks.copy_detection --phantoms 3800

Images are divided as for a release. Near-duplicates of training images are planted kind by kind:
how many are flagged, and in how many of 20 sets of 900 images, 2 % of them copies, G1 refuses. The
other images of these sets are fresh: those of the test split, which no model learns from. Honest
sets are 200 draws of every second fresh image, without replacement: were an image drawn twice, its
chance would count twice. In a rare class, exact copies replace a share of
its images. Prints tables, and writes the figures to benchmarks/results/copy_detection.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import PUBLIC_KEY, phantoms
from benchmarks.evaluation.report import interval, rounded
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.reading.sources import Source
from radiographs.store.pixel_store import PixelStore
from release.data import Pixels, Splits, class_weights
from release.gate.calibration import Closeness
from release.gate.checks import copy_count
from release.gate.control_transforms import CONTROL_TRANSFORMS, part_transforms
from release.gate.copy_counts import CopyCounts
from release.gate.policy import Policy
from release.gate.real_index import RealIndex
from release.similarity.copy_embedding import train_copy_metric
from release.similarity.copy_training import Recipe
from release.similarity.registered_pixels import PixelMetric
from release.stats.estimate import Estimate
from release.stats.intervals import share
from workers.generate.gate_assets import search_of, splits_of

RESULTS = Path(__file__).parent / "results" / "copy_detection.json"
SET_SIZE, COPIED, NUM_DRAWS, NUM_HONEST = 900, 0.02, 20, 200
CLASS_SHARES = (0.03, 0.05, 0.1)
POLICY = Policy()


@dataclass(frozen=True)
class Row:
    """One kind of copy.

    Attributes:
        kind: As the positive controls name it.
        flagged: Share that is flagged.
        refused: Of 20 sets.
    """

    kind: str
    flagged: Estimate
    refused: int


@dataclass(frozen=True, eq=False)
class Seen:
    """Images as the detectors see them.

    Attributes:
        closeness: By detector, (n,).
        labels: (n,).
    """

    closeness: Closeness
    labels: NDArray[np.int64]

    def where(self, chosen: NDArray[np.int64]) -> Seen:
        """Keep some of the images."""
        return Seen({name: v[chosen] for name, v in self.closeness.items()}, self.labels[chosen])

    def beside(self, other: Seen) -> Seen:
        """Put others behind these."""
        both = {name: np.r_[v, other.closeness[name]] for name, v in self.closeness.items()}
        return Seen(both, np.r_[self.labels, other.labels])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    splits = load(source, options.image_size)
    detectors = Detectors(splits, options.seed, options.views)
    rng = np.random.default_rng(options.seed)
    fresh = detectors.seen(splits.test.pixels, splits.test.labels)
    honest = [
        _finding(fresh.where(each), detectors) for each in _resamplings(len(fresh.labels), rng)
    ]
    flags = detectors.index.calibration.flagged(fresh.closeness)
    about: dict[str, Any] = {
        **conditions(),
        "dataset": splits.fingerprint[:16],
        "image_size": options.image_size,
        "seed": options.seed,
        "T": len(splits.train),
        "H": len(splits.holdout),
        "calibrating patients": detectors.index.calibration.overall.num_patients,
        "fresh images": len(fresh.labels),
        "fresh images flagged": asdict(share(int(flags.sum()), len(flags))),
        "honest sets refused": f"{sum(honest)} of {len(honest)}",
        "CPU seconds": detectors.seconds,
    }
    chosen = splits.train.where(rng.permutation(len(splits.train))[: options.planted])
    hosts = splits.test.pixels[rng.integers(0, len(splits.test), len(chosen))]
    rows = []
    for control in (*CONTROL_TRANSFORMS, *part_transforms(hosts)):
        planted = detectors.seen(control.apply(chosen.pixels, options.seed), chosen.labels)
        rows.append(_row(control.name, planted, fresh, detectors, rng))
        print(_line(rows[-1]), flush=True)
    rare = _rare(splits, fresh, detectors, rng)
    _write(options.output, "images" if options.data else "phantoms", about, rows, rare)
    print("\n".join(f"{name}: {value}" for name, value in about.items()))
    print("\n".join(f"{each['class']}: {each}" for each in rare))


class Detectors:
    """What the gate measures closeness by, made ready for one dataset.

    Args:
        splits: The dataset.
        seed: Of the learned metric.
        views: That it is trained on.
    """

    def __init__(self, splits: Splits, seed: int, views: int) -> None:
        self.seconds: dict[str, float] = {}
        with_metric = self._timed("learn to see copies")
        learned = train_copy_metric(splits, seed=seed, recipe=Recipe(num_views=views))
        with_metric()
        done = self._timed("calibrate")
        metrics = [PixelMetric(), learned]
        self.index = RealIndex(splits, metrics, POLICY, search=search_of(splits))
        _ = self.index.calibration
        done()

    def _timed(self, name: str) -> Any:
        began = time.process_time()

        def done() -> None:
            self.seconds[name] = time.process_time() - began

        return done

    def seen(self, pixels: Pixels, labels: NDArray[np.int64]) -> Seen:
        """Measure the closeness of images."""
        return Seen(self.index.closeness(pixels), labels)


def load(source: Source, image_size: int) -> Splits:
    """Ingest images into a folder that is thrown away, and read their splits."""
    with tempfile.TemporaryDirectory() as folder:
        run(source, Path(folder), IngestOptions(PUBLIC_KEY, image_size=image_size, bit_depth=8))
        return splits_of(PixelStore.open(Path(folder)), image_size)


def _finding(seen: Seen, detectors: Detectors) -> bool:
    """Whether G1 refuses images as a set."""
    weights = class_weights(seen.labels, int(seen.labels.max()) + 1)
    counted = CopyCounts.of(seen.closeness, weights, detectors.index.calibration)
    return copy_count.judge(counted, POLICY).decision == "refused"


def _resamplings(num: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    for _ in range(NUM_HONEST):
        yield rng.permutation(num)[: num // 2]


def _row(
    kind: str, planted: Seen, fresh: Seen, detectors: Detectors, rng: np.random.Generator
) -> Row:
    flags = detectors.index.calibration.flagged(planted.closeness)
    num = round(COPIED * SET_SIZE)
    refused = 0
    for _ in range(NUM_DRAWS):
        others = fresh.where(rng.permutation(len(fresh.labels))[: SET_SIZE - num])
        among = planted.where(rng.choice(len(planted.labels), num, replace=False))
        refused += _finding(others.beside(among), detectors)
    return Row(kind, share(int(flags.sum()), len(flags)), refused)


def _rare(
    splits: Splits, fresh: Seen, detectors: Detectors, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Let exact copies be a share of one class alone; classes in proportion to the real ones."""
    found = []
    shares = np.bincount(splits.train.labels) / len(splits.train)
    for label, name in enumerate(splits.classes):
        own = splits.train.where(splits.train.labels == label)
        copied = detectors.seen(own.pixels[:100], own.labels[:100])
        of_class = np.flatnonzero(fresh.labels == label)
        others = np.flatnonzero(fresh.labels != label)
        num_of_class = min(round(shares[label] * SET_SIZE), len(of_class))
        for leaked in CLASS_SHARES:
            num = max(1, round(leaked * num_of_class))
            refused = 0
            for _ in range(NUM_DRAWS):
                rest = np.r_[
                    rng.permutation(of_class)[: num_of_class - num],
                    rng.permutation(others)[: SET_SIZE - num_of_class],
                ]
                among = copied.where(rng.choice(len(copied.labels), num))
                # two certain copies refuse any set: here the count alone is asked
                refused += _finding(fresh.where(rest).beside(among), detectors)
            found.append(
                {
                    "class": name,
                    "images of the class": num_of_class,
                    "copies": num,
                    "share": leaked,
                    "refused": f"{refused} of {NUM_DRAWS}",
                }
            )
    return found


def _line(row: Row) -> str:
    flagged = interval(row.flagged, ".1%")
    return f"| {row.kind} | {flagged} | {row.refused} of {NUM_DRAWS} |"


def _write(
    path: Path,
    part: str,
    about: dict[str, Any],
    rows: Sequence[Row],
    rare: Sequence[dict[str, Any]],
) -> None:
    """Write the figures of one source beside those of the other."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[part] = rounded(
        {"conditions": about, "rows": [asdict(row) for row in rows], "rare classes": list(rare)}
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.copy_detection", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--planted", type=int, default=150, help="near-duplicates of each kind")
    parser.add_argument("--views", type=int, default=Recipe().num_views, help="fewer for a trial")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
