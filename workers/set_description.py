"""What the manifest says of a set: from its report, and from its request without the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from release.package.hashing import hashed_seed
from release.package.manifest import ClassCounts, Description
from release.report.schema import Report
from release.samples import SampleSpec
from workers.set_report import counted

MAY_LEAVE = (
    "Synthetic images, not for diagnosis. The set passed the tests that its report names; "
    "a pass bounds these attacks, not all."
)
STAYS = (
    "Synthetic images, not for diagnosis. The tests could not decide whether the set copies real "
    "images: do not release it outside the institution that holds these."
)


def describe_set(
    report: Report,
    request: Mapping[str, Any],
    hashing_key: bytes,
    *,
    drawn: Iterable[SampleSpec],
    dropped: Iterable[SampleSpec],
    released: Iterable[SampleSpec],
    earlier_releases: Sequence[str],
) -> Description:
    """Describe a set whose images are packaged.

    Args:
        report: What was found of it.
        request: The generate request.
        hashing_key: Hashes seeds.
        drawn: What each image drawn was drawn from, in all rounds.
        dropped: The same of those that the gate dropped.
        released: The same of those that are packaged.
        earlier_releases: Sets that were released before, of datasets with the same patients.
    """
    asked = dict(request["class_counts"]), _asked_of_none(request)
    made, lost, kept = counted(drawn), counted(dropped), counted(released)
    of_class, of_none = (
        {
            name: _counts(number, made[k][name], lost[k][name], kept[k][name])
            for name, number in wanted.items()
        }
        for k, wanted in enumerate(asked)
    )
    model = report.model
    may_leave = report.verdict.outcome in ("passed", "passed_filtered")
    return {
        "synthetic_set_id": report.set.id,
        "notice": MAY_LEAVE if may_leave else STAYS,
        "service_version": version("synthcxr"),
        "versions": {name: version(name) for name in ("torch", "pillow")},
        "request": _without_seeds(request, hashing_key),
        "dataset": {
            "version": report.dataset.version,
            "classes": {
                label: {"images": each.images} for label, each in report.dataset.classes.items()
            },
        },
        "model": {
            "id": model.id,
            "family": model.family,
            "image_size": model.image_size,
            "config_sha256": model.config_sha256,
            "snapshot_sha256": model.snapshot_sha256,
            "public_pretraining": None,
            "differential_privacy": model.dp.model_dump(mode="json") if model.dp else None,
        },
        "sampler": request["sampler"],
        "classes": of_class,
        "unlabelled": of_none,
        "gate": {
            "verdict": report.verdict.model_dump(mode="json"),
            **report.gate.model_dump(mode="json", exclude={"histograms", "membership"}),
        },
        "earlier_releases": list(earlier_releases),
        "examination": report.set.examination.model_dump(mode="json"),
        "utility": report.utility.model_dump(mode="json") if report.utility else None,
        "limitations": list(report.limits),
    }


def _asked_of_none(request: Mapping[str, Any]) -> dict[str, int]:
    """Count the images of no class that were asked for, by kind."""
    asked = {
        "mixture": sum(mixture["count"] for mixture in request.get("mixtures", ())),
        "interpolation": sum(way["steps"] for way in request.get("interpolate", ())),
    }
    return {kind: number for kind, number in asked.items() if number}


def _counts(requested: int, generated: int, rejected: int, released: int) -> ClassCounts:
    return {
        "requested": requested,
        "generated": generated,
        "rejected": rejected,
        "released": released,
    }


def _without_seeds(request: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return what was asked for; a seed regenerates images, so it is hashed."""
    ways = [
        {
            **{name: value for name, value in way.items() if not name.endswith("_seed")},
            "from_seed_hash": hashed_seed(key, way["from_seed"]),
            "to_seed_hash": hashed_seed(key, way["to_seed"]),
        }
        for way in request.get("interpolate", [])
    ]
    return {
        "class_counts": request["class_counts"],
        "mixtures": request.get("mixtures", []),
        "interpolate": ways,
        "seed_hash": hashed_seed(key, request["seed"]),
    }
