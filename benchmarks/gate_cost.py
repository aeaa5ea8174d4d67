"""What does it cost to examine a set, beside drawing it?

    python -m benchmarks.gate_cost --data FOLDER
    python -m benchmarks.gate_cost --phantoms 5000
    python -m benchmarks.gate_cost --phantoms 300 --large 20000

Seconds of processor time, as the generate job spends them: what is found once for a dataset, what a
new worker process has to read and embed, and what every set costs. The set consists of blends of
two images that nothing has learned from; whose images they are does not matter to the cost, nor
does what the latent diffusion has learned, so that it is hardly trained. Drawing is linear in the
images: a few are drawn, by each family's default sampler.

With --large, N blends are searched among N others for a sample of the queries and of as many
representative images. All batches of queries cost the same and each of these images adds as many
pairs, so that the whole is linear in the queries; what is written is measured on the sample and
scaled.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.copy_detection import load as load_splits
from benchmarks.evaluation.families import train_family
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import RealImages, load, phantoms
from benchmarks.evaluation.report import rounded
from benchmarks.packaging import contents
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.snapshot import Snapshot, new_model
from radiographs.ingest import FolderSource
from release.array_cache import Arrays
from release.data import Pixels, Splits, class_weights
from release.features.classifier_training import train_classifier
from release.fidelity.measure import measure_fidelity
from release.gate.attack_scores import NUM_NEIGHBOURS
from release.gate.context import Candidate
from release.gate.control_images import transformed_controls
from release.gate.gate import Gate
from release.gate.set_neighbours import search_both_ways
from release.package.writer import write_package
from release.report.build import Evaluation, build_report
from release.report.documents import documents
from release.report.schema import DatasetSummary, ExaminationCount, ModelSummary
from release.sample_spec import ClassSample, Origins
from release.similarity.copy_embedding import train_copy_metric
from release.similarity.copy_search import CopySearch
from release.similarity.copy_training import Recipe
from release.similarity.registered_pixels import PixelMetric
from workers.generate.gate_assets import (
    CLASSIFIER_PASSES,
    IMAGES,
    VIEWS,
    VIEWS_PER_IMAGE,
    search_of,
)
from workers.generate.model_controls import model_controls

RESULTS = Path(__file__).parent / "results" / "gate_cost.json"
SIZE = 64
DRAWN = {"vae": 512, "ldm": 48}  # images that the speed of drawing is taken from
SHOWN_PER_CLASS = 8
NUM_DENSITY_NEIGHBOURS = 50
SEED = 0

Seconds = dict[str, float]


class InProcess:
    """A cache that lives as long as the process."""

    def __init__(self) -> None:
        self._known: dict[str, Arrays] = {}

    def get(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Compute each thing once."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    source = FolderSource(options.data) if options.data else phantoms(options.phantoms)
    part: dict[str, Any]
    if options.large:
        part = {"large": large(load_splits(source, SIZE), options.large, options.queries)}
    else:
        images, splits = load(source, SIZE), load_splits(source, SIZE)
        part = {"images" if options.data else "phantoms": job(images, splits, options.images)}
    known = json.loads(options.output.read_text()) if options.output.exists() else {}
    known |= rounded({name: {"conditions": conditions(), **each} for name, each in part.items()})
    options.output.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(rounded(part), indent=1))


def job(images: RealImages, splits: Splits, num_images: int) -> dict[str, Any]:
    """Measure what a generate job spends on a set, and its share of the job for two families."""
    rng = np.random.default_rng(SEED)
    pixels = blends(splits.test.pixels, num_images, rng)
    labels = rng.integers(0, len(images.classes), num_images)
    once: Seconds = {}
    started: Seconds = {}
    each: Seconds = {}
    num_real = len(splits.train) + len(splits.holdout)
    with timed(once, "learn to see copies"):
        views = int(np.clip(VIEWS_PER_IMAGE * num_real, *VIEWS))
        copies = train_copy_metric(splits, recipe=Recipe(num_views=views))
    with timed(once, "learn to classify"):
        num_seen = int(np.clip(CLASSIFIER_PASSES * num_real, *IMAGES))
        classifier = train_classifier(splits.train, len(images.classes), SEED, num_seen)
    metrics, cache = (PixelMetric(), copies), InProcess()
    with timed(once, "real images among each other"):
        gate = Gate(splits, metrics, cache=cache, search=search_of(splits))
        gate.compare(pixels[:1])
    with timed(once, "planted changes"):
        controls = [gate.measure(planted) for planted in transformed_controls(splits)]
    with timed(started, "real images embedded"):
        gate = Gate(splits, metrics, cache=cache, search=search_of(splits))
        gate.compare(pixels[:1])
    with timed(each, "compare"):
        neighbours = gate.compare(pixels)
    with timed(each, "fidelity"):
        fidelity = measure_fidelity(classifier, splits, pixels, labels, np.random.default_rng(SEED))
    with timed(each, "examine"):
        weights = class_weights(labels, len(splits.classes))
        candidate = Candidate(pixels, weights, fidelity.validity, neighbours)
        examination = gate.evaluate(candidate, controls)
    with timed(each, "report"):
        pages = _pages(images, examination, fidelity, pixels, labels)
    with timed(each, "package"), tempfile.TemporaryDirectory() as folder:
        origins = [ClassSample(images.classes[label], k) for k, label in enumerate(labels)]
        about = contents(Path(folder), frozenset())
        whole = replace(about, documents=pages, classes=images.classes)
        write_package(Path(folder) / "set.zip", zip(pixels, origins, strict=True), whole)
    families = {
        family: share(snapshot, splits, gate, num_images, each)
        for family, snapshot in snapshots(images)
    }
    return {
        "T": len(splits.train),
        "H": len(splits.holdout),
        "images": num_images,
        "once for a dataset": once,
        "once for a process": started,
        "for each set": each,
        "families": families,
    }


def share(
    snapshot: Snapshot, splits: Splits, gate: Gate, num_images: int, each: Seconds
) -> dict[str, float]:
    """Measure drawing and what the model itself is asked, and take the examination's share."""
    spent: Seconds = {}
    num_drawn = DRAWN[snapshot.family]
    labels = [k % len(snapshot.classes) for k in range(num_drawn)]
    sampler = sampler_class(snapshot.family)()
    with timed(spent, "draw"):
        for _ in sample_pixels(snapshot.model, labels, range(num_drawn), sampler):
            pass
    drawing = spent["draw"] * num_images / num_drawn
    with timed(spent, "planted by the model"):
        for planted in model_controls(splits, snapshot):
            gate.measure(planted)
    examining = sum(each.values()) + spent["planted by the model"]
    return {
        "images per second": num_drawn / spent["draw"],
        "drawing": drawing,
        "planted by the model": spent["planted by the model"],
        "gate and report": examining,
        "share of the job": examining / (examining + drawing),
    }


def large(splits: Splits, num_images: int, num_queries: int) -> dict[str, Any]:
    """Measure the search of many images among as many, on a sample of the queries."""
    rng = np.random.default_rng(SEED)
    metric = PixelMetric()
    spent: Seconds = {}
    with timed(spent, "embed"):
        pixels = blends(splits.train.pixels, num_images, rng)
        asked = blends(splits.test.pixels, num_queries, rng)
        real, queries = metric.embed(pixels), metric.embed(asked)
        copies = CopySearch(pixels, np.arange(num_images))
    part = rng.random(num_images) < 0.15
    with timed(spent, "search"):
        search_both_ways(
            metric,
            queries,
            real,
            part,
            np.arange(num_queries),
            NUM_DENSITY_NEIGHBOURS,
            NUM_NEIGHBOURS,
        )
    with timed(spent, "search for changed copies"):
        copies.aligned(asked)
    whole = 2 * spent["embed"] * num_images / (num_images + num_queries)
    whole += (spent["search"] + spent["search for changed copies"]) * num_images / num_queries
    return {
        "images": num_images,
        "queries measured": num_queries,
        "measured": spent,
        "minutes for all, scaled": whole / 60,
    }


def blends(pixels: Pixels, num: int, rng: np.random.Generator) -> Pixels:
    """Make images, each the mean of two."""
    first, second = rng.integers(0, len(pixels), (2, num))
    whole: Pixels = np.empty((num, *pixels.shape[1:]), np.uint8)
    for k in range(num):
        whole[k] = (pixels[first[k]].astype(np.uint16) + pixels[second[k]]) // 2
    return whole


def snapshots(images: RealImages) -> Iterator[tuple[str, Snapshot]]:
    """Make a model of each family, the VAE with a density that is fitted to images."""
    vae, _ = train_family("vae", images.training, images.classes, "standard", 5.0, SEED)
    yield "vae", vae
    config = resolve_config("ldm", "standard", {}, Circumstances(SIZE, 5_000, budget_seconds=600.0))
    model = new_model("ldm", config.model_dump(), ImageSpec(SIZE, len(images.classes)), seed=SEED)
    yield "ldm", Snapshot("ldm", images.classes, model.eval())


@contextmanager
def timed(spent: Seconds, name: str) -> Iterator[None]:
    """Note the processor time that a step takes."""
    began = time.process_time()
    yield
    spent[name] = time.process_time() - began
    print(f"{name}: {spent[name]:.1f} s", flush=True)


def _pages(
    images: RealImages, examination: Any, fidelity: Any, pixels: Pixels, labels: np.ndarray
) -> dict[str, bytes]:
    """Write the report as a job does, of a model and a dataset that nobody has heard of."""
    sha256 = "0" * 64
    model = ModelSummary(
        id="mdl_" + "0" * 26,
        family="vae",
        image_size=SIZE,
        config_sha256=sha256,
        snapshot_sha256=sha256,
    )
    dataset = DatasetSummary(version=sha256, class_counts={})
    origins = [ClassSample(images.classes[label], k) for k, label in enumerate(labels)]
    report = build_report(
        "syn_" + "0" * 26,
        model,
        dataset,
        Evaluation(examination, fidelity),
        Origins(origins, list(compress(origins, ~examination.kept)), origins),
        ExaminationCount(number=1, at_most=1),
    )
    shown = {
        name: pixels[labels == label][:SHOWN_PER_CLASS] for label, name in enumerate(images.classes)
    }
    return documents(report, shown)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate_cost", description=(__doc__ or "").partition("\n")[0]
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FOLDER", help="labelled images")
    source.add_argument("--phantoms", type=int, metavar="N", help="draw N images instead")
    parser.add_argument("--images", type=int, default=5000, help="of the set")
    parser.add_argument("--large", type=int, metavar="N", help="search N images among N instead")
    parser.add_argument("--queries", type=int, default=1024, help="of these that are measured")
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
