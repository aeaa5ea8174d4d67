"""The generate job: from a model and a request to a set that may leave, or a report of why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from models.registry import sampler_class
from models.snapshot import Snapshot
from models.training.checkpoints import file_digest
from release.fidelity.extractors import Extractor
from release.origin import OfClass, Origin
from release.package.writer import Contents, write_package
from release.policy import Policy
from release.privacy.epsilon import Claim
from release.report.documents import documents
from release.report.structure import Report, canonical_json
from service.adapters.signing_keys import KeyRing
from service.domain.errors import ArtifactMissing, DatasetGone, DatasetNotFound
from service.domain.identifiers import synthetic_set_id
from service.domain.records import ArtifactRef, Dataset, Model, Outcome, SyntheticSet, Verdict
from service.domain.release_rules import check_examinations
from workers.generate.evaluate import Found, examine
from workers.generate.feature_extractors import requested_extractors
from workers.generate.gate_assets import GateAssetCache, GateAssets
from workers.generate.model_cache import ModelCache, give_back_memory
from workers.generate.plan import plan_samples
from workers.generate.prior_releases import PriorSets, look_at_prior_releases
from workers.generate.sampling import SampledSet, SetSampler
from workers.ingest.split_key import fold_key
from workers.runtime.attempt import Attempt
from workers.runtime.device import choose_device
from workers.set_description import describe_set
from workers.set_report import counted, report_of

log = structlog.get_logger()

DrawnImage = tuple[NDArray[np.uint8], Origin]
SHOWN_PER_CLASS = 8
POLICY = Policy()


def generate(attempt: Attempt) -> dict[str, Any]:
    """Draw, examine and package the set; once more where kept models were in the way.

    The bytes depend on the request, the model, the real images and the versions named in the
    manifest, so a second attempt writes what the first one would have written.
    """
    warm = ModelCache.of(attempt.settings)
    try:
        return _generate(attempt, warm)
    except (MemoryError, torch.OutOfMemoryError) as error:
        if not warm:
            raise
        error.__traceback__ = None  # its frames hold the model and its images
        log.warning("out of memory; kept models dropped", job_id=attempt.job.id)
    warm.clear()
    return _generate(attempt, warm)


@dataclass(frozen=True, eq=False)
class _Order:
    """What is asked for, and what it is made with.

    Attributes:
        set_id: The set, as its request names it.
        request: The generate request, its classes in the model's order.
        model: The record of what draws.
        dataset: The record of what it learned from.
        snapshot: What draws.
        evidence: What examines.
        extractors: Networks that the set is compared by besides our own.
        earlier: The sets that count in its examination.
        max_sets: So many sets of the model are examined.
    """

    set_id: str
    request: dict[str, Any]
    model: Model
    dataset: Dataset
    snapshot: Snapshot
    evidence: GateAssets
    extractors: Sequence[Extractor]
    earlier: PriorSets
    max_sets: int

    @property
    def claim(self) -> Claim | None:
        """What the model promises of differential privacy."""
        told = self.model.card.get("differential_privacy")
        return Claim(told["epsilon"], told["delta"]) if told else None


def _generate(attempt: Attempt, warm: ModelCache) -> dict[str, Any]:
    order = _taken(attempt, warm)
    staged = attempt.staging()
    raw = staged / "images.raw"
    sampler = sampler_class(order.snapshot.family).model_validate(order.request["sampler"])
    wanted = plan_samples(order.request)
    drawing = SetSampler(attempt, order.snapshot, sampler, wanted, order.request["seed"], raw)
    drawn = drawing.draw(order.evidence.gate, POLICY, replace_flagged=order.claim is None)
    size = order.model.image_size
    released = look_at_prior_releases(attempt, order.evidence, order.earlier.releases, size)
    full = order.request.get("report") == "full"
    found = examine(
        attempt,
        order.evidence,
        drawn,
        order.snapshot,
        order.earlier,
        released,
        claim=order.claim,
        extractors=order.extractors,
        full=full,
    )
    made = _published(attempt, order, drawn, found, staged)
    give_back_memory()
    return {
        "synthetic_set": made,
        "tally": dict(found.examination.tally),
        "examined_after": order.earlier.names,
    }


def _taken(attempt: Attempt, warm: ModelCache) -> _Order:
    request = attempt.job.request
    extractors = list(requested_extractors(attempt))
    model = attempt.records.model(request["model_id"])
    weights = attempt.artifacts.path(model.snapshot.key)
    if not weights.exists():
        raise ArtifactMissing.named(model.id)
    try:
        dataset = attempt.records.dataset(model.dataset_id)
    except DatasetNotFound as error:
        raise DatasetGone(f"{DatasetGone.__doc__} It was {model.dataset_id}.") from error
    snapshot = warm.snapshot(weights, model.snapshot.sha256, choose_device())
    asked = request["class_counts"]
    counts = {label: asked[label] for label in snapshot.classes if label in asked}
    request = {**request, "class_counts": counts}
    set_id = synthetic_set_id(
        request, snapshot_sha256=model.snapshot.sha256, version=version("synthcxr")
    )
    earlier = PriorSets.of(attempt.records, model, dataset, set_id)
    most = attempt.settings.max_examinations_per_model
    check_examinations(model.id, earlier.number, most)
    evidence = GateAssetCache.of_process().of(attempt, dataset, model.image_size, POLICY)
    return _Order(
        set_id, dict(request), model, dataset, snapshot, evidence, extractors, earlier, most
    )


def _published(
    attempt: Attempt, order: _Order, drawn: SampledSet, found: Found, staged: Path
) -> SyntheticSet:
    """Write what may be kept of the set, and nothing else."""
    verdict = _verdict(found)
    released = [(place, drawn.origins[place]) for place in drawn.released(found.examination.kept)]
    if not (verdict.released or verdict.for_research):
        released = []
    origins = [origin for _, origin in released]
    report = report_of(
        order.set_id,
        order.model,
        order.dataset,
        found.examination,
        found.fidelity,
        found.further_fidelity,
        found.utility,
        num_drawn=len(drawn.origins),
        released=origins,
        examination_count={"number": order.earlier.number, "at_most": order.max_sets},
    )
    pages = documents(report, _shown(drawn, released))
    (staged / "report.html").write_bytes(pages["report.html"])
    (staged / "report.json").write_bytes(pages["report.json"])
    (staged / "findings.json").write_bytes(_findings(order, drawn, found, released))
    if released:
        images = ((drawn.pixels[place], origin) for place, origin in released)
        contents = _contents(attempt, order, drawn, found, report, pages, released)
        manifest = write_package(staged / "set.zip", _attended(images, attempt), contents)
        (staged / "manifest.json").write_bytes(manifest)
        if verdict.released:
            places = [place for place, _ in released]
            order.evidence.remember(file_digest(staged / "set.zip"), drawn.look.where(places))
    (staged / "images.raw").unlink()

    # of this attempt alone, so that deleting the set takes nothing from another that makes it anew
    folder = f"synthetic-sets/{order.set_id}-{attempt.name}"

    def stored(name: str) -> ArtifactRef:
        path = staged / name
        return ArtifactRef(f"{folder}/{name}", file_digest(path), path.stat().st_size)

    of_class, of_none = counted(origins)
    made = SyntheticSet(
        id=order.set_id,
        model_id=order.model.id,
        job_id=attempt.job.id,
        num_images=len(released),
        class_counts=dict(of_class),
        unlabelled_counts=dict(of_none),
        zip=stored("set.zip") if released else None,
        manifest=stored("manifest.json") if released else None,
        created_at=attempt.now(),
        dataset_id=order.dataset.id,
        verdict=verdict,
        report=stored("report.html"),
        findings=stored("findings.json"),
    )
    attempt.artifacts.publish(staged, folder)
    return made


def _verdict(found: Found) -> Verdict:
    given, power = found.examination.verdict, found.examination.power
    return Verdict(
        Outcome(given.outcome),
        given.code,
        given.num_filtered,
        tuple(given.reasons),
        tuple(given.remedies),
        power.mdcr,
    )


def _shown(
    drawn: SampledSet, released: Sequence[tuple[int, Origin]]
) -> dict[str, NDArray[np.uint8]]:
    """Choose images for the report's contact sheets: the first of each class."""
    places: dict[str, list[int]] = {}
    for place, origin in released:
        if isinstance(origin, OfClass):
            places.setdefault(origin.label, []).append(place)
    return {label: drawn.pixels[of_class[:SHOWN_PER_CLASS]] for label, of_class in places.items()}


def _findings(
    order: _Order, drawn: SampledSet, found: Found, released: Sequence[tuple[int, Origin]]
) -> bytes:
    """Write what only those may read who may see the real images: figures in full, and seeds."""
    return canonical_json(
        {
            "synthetic_set_id": order.set_id,
            "seed": order.request["seed"],
            "examination": found.examination.private(),
            "released": [{"drawn": place, **asdict(origin)} for place, origin in released],
            "flagged": [
                {"drawn": place, **asdict(drawn.origins[place])}
                for place in np.flatnonzero(drawn.look.flagged).tolist()
            ],
        }
    )


def _contents(
    attempt: Attempt,
    order: _Order,
    drawn: SampledSet,
    found: Found,
    report: Report,
    pages: dict[str, bytes],
    released: Sequence[tuple[int, Origin]],
) -> Contents:
    hashing_key = fold_key(attempt.settings, attempt.records)
    return Contents(
        description=describe_set(
            report,
            order.request,
            hashing_key,
            drawn=drawn.origins,
            dropped=list(compress(drawn.origins, ~found.examination.kept)),
            released=[origin for _, origin in released],
            earlier_releases=[each.id for each in order.earlier.releases],
        ),
        classes=order.snapshot.classes,
        hashing_key=hashing_key,
        signer=KeyRing(attempt.settings.data_dir).current(),
        documents=pages,
        formats=frozenset({order.request["format"]} - {"png"}),
    )


def _attended(images: Iterable[DrawnImage], attempt: Attempt) -> Iterator[DrawnImage]:
    """Hand images on, and look after each whether to go on."""
    for image in images:
        yield image
        attempt.check()
