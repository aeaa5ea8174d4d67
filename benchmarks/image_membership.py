"""Can membership be inferred from the images of a set, and does the gate detect it?

    python -m benchmarks.image_membership --data FOLDER --keep FOLDER
    python -m benchmarks.image_membership --phantoms 4000 --families vae --images 1000
    python -m benchmarks.image_membership --data FOLDER --snapshots DIR      of what is trained

Each family is trained as the service trains it, on T, and draws sets in T's shares of the classes.
Of 1,000, 5,000 and 10,000 images, who of T and H, one image of each patient, was trained on?

- outside attack: clusters of the set's principal components, a covariance each, how dense the set
  is at a candidate (written apart from the gate); alone, and less what the same fit to the images
  of U explains of it;
- gate: the strongest of the density attacks of G3, and the p-value of all of them together.

Below are the same attacks on planted leaks: images drawn from Gaussians fitted to T, whose
statistics can be counted, and from those fitted to U, which leak nothing and must pass. Intervals
are the bootstrap's over patients; p-values of the outside attack are Mann and Whitney's.

With --keep, drawn sets are kept in a folder and read from there the next time; they come from real
images and belong in no repository. Figures go to benchmarks/results/image_membership.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from benchmarks.evaluation.families import draw_images, snapshots_beneath, train_family
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.outside_attack import SetDensity, against_reference
from benchmarks.evaluation.planted_leaks import LEAKS, resampled
from benchmarks.evaluation.private_folder import refuse_unignored
from benchmarks.evaluation.real_images import PUBLIC_KEY, LabelledSet, Labels, Pixels, phantoms
from models.registry import FAMILIES
from models.snapshot import Snapshot
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.splits.split import TRAINED, Split
from radiographs.store.pixel_store import PixelStore
from release.gate.checks import membership
from release.gate.density_attack import SIDE, Candidates, density_scores, thumbnails
from release.gate.policy import Policy
from release.similarity.knn import Array
from release.stats.fisher import members_by_rank
from release.stats.roc import auc, roc

RESULTS = Path(__file__).parent / "results" / "image_membership.json"
COUNTS = (1000, 5000, 10_000)
CONTROL = "one Gaussian of 64 components"

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Patients:
    """The real images of a pixel store, by split.

    Attributes:
        classes: Names.
        trained: T, all its images.
        asked: One image of each patient of T and H.
        member: Which of these are of T.
        fresh: U.
    """

    classes: tuple[str, ...]
    trained: LabelledSet
    asked: LabelledSet
    member: NDArray[np.bool_]
    fresh: LabelledSet

    @classmethod
    def of(cls, store: PixelStore) -> Patients:
        """Read a pixel store."""
        everything = LabelledSet(np.array(store.pixels, np.uint8), store.labels, store.groups)
        trained = np.isin(store.splits, TRAINED)
        rows = np.flatnonzero(trained | (store.splits == Split.HOLDOUT))
        rows = rows[np.unique(store.groups[rows], return_index=True)[1]]
        return cls(
            store.classes,
            everything.where(trained),
            everything.where(rows),
            trained[rows],
            everything.where(store.splits == Split.TEST),
        )


class Attackers:
    """All who ask a set who was trained on: one of outside, and the gate."""

    def __init__(self, patients: Patients) -> None:
        self._patients = patients
        self._reference = SetDensity(patients.fresh.pixels).log_density(patients.asked.pixels)
        asked = patients.asked
        self._candidates = Candidates(thumbnails(asked.pixels), asked.labels)

    def row(self, pixels: Pixels) -> Row:
        """Attack a set by its images."""
        member, policy = self._patients.member, Policy()
        of_set = SetDensity(pixels).log_density(self._patients.asked.pixels)
        scores = density_scores(thumbnails(pixels), self._candidates)
        labels = self._candidates.labels
        finding = membership.judge(scores, member, policy, labels=labels)
        areas = {name: auc(members_by_rank(each, member)) for name, each in scores.items()}
        strongest = max(areas, key=areas.__getitem__)
        return {
            "outside": _measured(of_set, member),
            "outside, with reference": _measured(
                against_reference(of_set, self._reference), member
            ),
            "gate": {"attack": strongest, **_measured(scores[strongest], member)},
            "gate_p": finding.p_value,
            "gate_says": finding.decision,
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.keep:
        refuse_unignored(options.keep)
    torch.set_num_threads(options.torch_threads or torch.get_num_threads())
    patients = _patients(options)
    attackers = Attackers(patients)
    rows = []
    for name, pixels in _sets(options, patients):
        rows.append({"set": name, "images": len(pixels), **attackers.row(pixels)})
        print(_line(rows[-1]), flush=True)
    about = {
        **conditions(),
        "image_size": int(patients.trained.pixels.shape[1]),
        "training_images": len(patients.trained),
        "training_patients": int(patients.member.sum()),
        "holdout_patients": int((~patients.member).sum()),
        "seconds": options.seconds,
    }
    figures = {"conditions": about, "rows": rows}
    options.output.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _sets(options: argparse.Namespace, patients: Patients) -> Iterator[tuple[str, Pixels]]:
    """Draw sets of each family, and planted ones, of each number of images."""
    for name, drawn in _drawn_sets(options, patients):
        for num in options.images:
            if num <= len(drawn):
                yield name, drawn[:num]
    rng = np.random.default_rng(0)
    for num in options.images:
        yield "fresh images, resampled", resampled(patients.fresh.pixels, num, rng)
        for name in options.leaks:
            drawn = LEAKS[name](_reduced(patients.trained.pixels), num, rng)
            yield f"{name}, fitted to T", drawn
        yield f"{CONTROL}, fitted to U", LEAKS[CONTROL](_reduced(patients.fresh.pixels), num, rng)


def _drawn_sets(options: argparse.Namespace, patients: Patients) -> Iterator[tuple[str, Pixels]]:
    """Draw a set of each snapshot that was given, else of each family, which is trained first."""
    if not options.snapshots:
        for family in options.families:
            yield family, _kept_or_drawn(family, options, patients)
        return
    known = patients.trained
    for name, snapshot in snapshots_beneath(
        options.snapshots, patients.classes, known.pixels.shape[1]
    ):
        yield name, _draw(snapshot, known, max(options.images))[0]


def _draw(snapshot: Snapshot, trained: LabelledSet, num: int) -> tuple[Pixels, Labels]:
    """Draw images in the training split's shares of the classes."""
    labels = trained.labels[np.random.default_rng(0).integers(0, len(trained), num)]
    return draw_images(snapshot, labels, seed=0)[0], labels


def _kept_or_drawn(family: str, options: argparse.Namespace, patients: Patients) -> Pixels:
    """Read the set that is kept of a family; train and draw one where there is none."""
    kept = options.keep / f"{family}.npz" if options.keep else None
    if kept and kept.exists():
        with np.load(kept) as arrays:
            return np.asarray(arrays["pixels"])
    trained = patients.trained
    snapshot, _ = train_family(
        family, trained, patients.classes, options.preset, options.seconds, seed=0
    )
    pixels, labels = _draw(snapshot, trained, max(options.images))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, pixels=pixels, labels=labels)
    return pixels


def _patients(options: argparse.Namespace) -> Patients:
    if options.pixel_store:
        return Patients.of(PixelStore.open(options.pixel_store))
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    with tempfile.TemporaryDirectory() as folder:
        ingest = IngestOptions(PUBLIC_KEY, image_size=options.image_size, bit_depth=8)
        run(source, Path(folder), ingest)
        return Patients.of(PixelStore.open(Path(folder)))


def _reduced(pixels: Pixels) -> Pixels:
    """Mean grey levels of at most 32 x 32 blocks, as images."""
    side = min(SIDE, pixels.shape[1])
    return thumbnails(pixels).reshape(-1, side, side)


def _measured(scores: Array, member: NDArray[np.bool_]) -> dict[str, Any]:
    curve = roc(members_by_rank(scores, member))
    p = mannwhitneyu(scores[member], scores[~member], alternative="greater").pvalue
    return {
        "auc": curve.auc.to_json(),
        "tpr_at_fpr_0.01": curve.tpr_at_low_fpr.to_json(),
        "p": float(f"{p:.2g}"),
    }


def _line(row: Row) -> str:
    def shown(found: Mapping[str, Any]) -> str:
        area = found["auc"]
        return f"{area['value']:.3f} [{area['low']:.3f}, {area['high']:.3f}] p {found['p']:.1g}"

    return (
        f"| {row['set']} | {row['images']} | {shown(row['outside'])} | "
        f"{shown(row['outside, with reference'])} | {shown(row['gate'])} ({row['gate']['attack']}) "
        f"| {row['gate_says']}, p {row['gate_p']:.4f} |"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.image_membership",
        description=(__doc__ or "").partition("\n")[0],
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder of labelled images")
    source.add_argument("--pixel-store", type=Path, help="folder of images ingested before")
    source.add_argument("--phantoms", type=int, help="draw so many images in place of real ones")
    parser.add_argument("--snapshots", type=Path, metavar="DIR", help="attack these; train nothing")
    parser.add_argument("--families", nargs="*", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--leaks", nargs="*", choices=list(LEAKS), default=list(LEAKS))
    parser.add_argument("--images", nargs="+", type=int, default=list(COUNTS))
    parser.add_argument("--seconds", type=float, default=600, help="training of each family")
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--keep", type=Path, help="folder for drawn sets, outside the repository")
    parser.add_argument("--torch-threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
