"""The generate job: from a model and class counts to a packaged synthetic set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import structlog
import torch
from numpy.typing import NDArray

from models.registry import sampler_class
from models.sampling import draw_pixels
from models.training.checkpoints import file_digest
from release.origin import OfClass, Origin
from release.package.staging import StagedFilms
from release.package.writer import Contents, write_package
from service.adapters.signing_keys import KeyRing
from service.domain.errors import ArtifactMissing
from service.domain.identifiers import synthetic_set_id
from service.domain.references import ArtifactRef, SyntheticSet
from workers.attempt import Attempt
from workers.device import choose_device
from workers.film_plan import draw_of, planned_films
from workers.fold_key import fold_key
from workers.pace import Pace
from workers.set_description import describe_set
from workers.warm_models import WarmModels, give_back_memory

log = structlog.get_logger()

PHASE = "sampling"

Film = tuple[NDArray[np.uint8], Origin]


def generate(attempt: Attempt) -> dict[str, Any]:
    """Draw and package the set that the job asks for; once more where kept models were in the way.

    The bytes depend on the request, the model and the versions named in the manifest, so a
    second attempt writes what the first one would have written.
    """
    warm = WarmModels.of(attempt.settings)
    try:
        return _draw_and_package(attempt, warm)
    except (MemoryError, torch.OutOfMemoryError) as error:
        if not warm:
            raise
        error.__traceback__ = None  # its frames hold the model and its films
        log.warning("out of memory; kept models dropped", job_id=attempt.job.id)
    warm.clear()
    return _draw_and_package(attempt, warm)


def _draw_and_package(attempt: Attempt, warm: WarmModels) -> dict[str, Any]:
    request = attempt.job.request
    record = attempt.records.model(request["model_id"])
    device = choose_device()
    weights = attempt.artifacts.path(record.snapshot.key)
    if not weights.exists():
        raise ArtifactMissing.named(record.id)
    snapshot = warm.snapshot(weights, record.snapshot.sha256, device)
    counts = {
        label: request["class_counts"][label]
        for label in snapshot.classes
        if label in request["class_counts"]
    }
    request = {**request, "class_counts": counts}
    set_id = synthetic_set_id(
        request,
        snapshot_sha256=record.snapshot.sha256,
        version=version("synthcxr"),
    )
    films = planned_films(request)
    draws = [draw_of(film, snapshot.classes) for film in films]
    sampler = sampler_class(snapshot.family).model_validate(request["sampler"])
    hashing_key = fold_key(attempt.settings, attempt.records)
    contents = Contents(
        description=describe_set(set_id, record, request, films, hashing_key),
        classes=snapshot.classes,
        hashing_key=hashing_key,
        signer=KeyRing(attempt.settings.data_dir).current(),
    )

    staged = attempt.staging()
    raw = staged / "films.raw"
    drawn = StagedFilms(raw, record.image_size)
    pace = Pace()
    for batch in draw_pixels(snapshot.model, draws, sampler):
        drawn.append(batch)
        attempt.check()
        if attempt.report_due():
            fraction = len(drawn) / len(films)
            attempt.report(pace.progress(PHASE, len(drawn), len(films), fraction))
    manifest = write_package(
        staged / "set.zip", _attended(zip(drawn.pixels, films, strict=True), attempt), contents
    )
    raw.unlink()
    (staged / "manifest.json").write_bytes(manifest)
    archive = file_digest(staged / "set.zip")
    # of this attempt alone, so that deleting the set takes nothing from another that makes it anew
    folder = f"synthetic-sets/{set_id}-{attempt.name}"
    made = SyntheticSet(
        id=set_id,
        model_id=record.id,
        job_id=attempt.job.id,
        num_images=len(films),
        class_counts=counts,
        zip=ArtifactRef(f"{folder}/set.zip", archive, (staged / "set.zip").stat().st_size),
        manifest=ArtifactRef(
            f"{folder}/manifest.json",
            file_digest(staged / "manifest.json"),
            len(manifest),
        ),
        created_at=attempt.now(),
        unlabelled_counts=Counter(film.kind for film in films if not isinstance(film, OfClass)),
    )
    attempt.artifacts.publish(staged, folder)
    give_back_memory()
    return {"synthetic_set": made}


def _attended(films: Iterable[Film], attempt: Attempt) -> Iterator[Film]:
    """Hand films on, and look after each whether to go on."""
    for film in films:
        yield film
        attempt.check()
