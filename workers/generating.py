"""The generate job: from a model and class counts to a packaged synthetic set."""

from __future__ import annotations

import platform
from collections import Counter
from importlib.metadata import version
from typing import Any

import structlog
import torch

from models.registry import sampler_class
from models.sampling import draw_pixels
from models.training.checkpoints import file_digest
from release.origin import OfClass
from release.package import Package
from service.domain.errors import ArtifactMissing
from service.domain.identifiers import synthetic_set_id
from service.domain.references import ArtifactRef, Model, SyntheticSet
from workers.attempt import Attempt
from workers.device import choose_device
from workers.film_plan import draw_of, planned_films
from workers.pace import Pace
from workers.warm_models import WarmModels, give_back_memory

log = structlog.get_logger()

PHASE = "sampling"


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
    description = _description(set_id, record, request, device.type)

    staged = attempt.staging()
    pace = Pace()
    num_drawn = 0
    with Package(staged / "set.zip", description) as package:
        for batch in draw_pixels(snapshot.model, draws, sampler):
            for pixels in batch:
                package.add(pixels, films[num_drawn])
                num_drawn += 1
            attempt.check()
            if attempt.report_due():
                fraction = num_drawn / len(films)
                attempt.report(pace.progress(PHASE, num_drawn, len(films), fraction))
    (staged / "manifest.json").write_bytes(package.manifest)
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
            len(package.manifest),
        ),
        created_at=attempt.now(),
        unlabelled_counts=Counter(film.kind for film in films if not isinstance(film, OfClass)),
    )
    attempt.artifacts.publish(staged, folder)
    give_back_memory()
    return {"synthetic_set": made}


def _description(set_id: str, model: Model, request: dict[str, Any], device: str) -> dict[str, Any]:
    return {
        "synthetic_set_id": set_id,
        "notice": (
            "Synthetic images, not for diagnosis. No privacy audit was made: "
            "do not release this set outside the institution that holds the real films."
        ),
        "model": {
            "id": model.id,
            "family": model.family,
            "image_size": model.image_size,
            "snapshot_sha256": model.snapshot.sha256,
            "dataset_fingerprint": model.card["dataset_fingerprint"],
        },
        "seed": request["seed"],
        "sampler": request["sampler"],
        "class_counts": request["class_counts"],
        "mixtures": request.get("mixtures", []),
        "interpolate": request.get("interpolate", []),
        "versions": {
            "synthcxr": version("synthcxr"),
            "torch": version("torch"),
            "pillow": version("pillow"),
        },
        "computed_on": {"device": device, "architecture": platform.machine()},
    }
