"""What the manifest says of a set: from the records of its model and dataset, and its request."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from radiographs.keyed_hash import published_version
from release.origin import OfClass, Origin
from release.package.hashing import hashed_seed
from release.package.manifest import ClassCounts, Description
from service.domain.references import Model

_NOTICE = (
    "Synthetic images, not for diagnosis. No privacy audit was made: "
    "do not release this set outside the institution that holds the real films."
)


def describe_set(
    set_id: str,
    model: Model,
    request: Mapping[str, Any],
    films: Sequence[Origin],
    hashing_key: bytes,
) -> Description:
    """Describe a set that no gate has judged: all that was asked for is in it.

    Args:
        set_id: As its request names it.
        model: What drew it.
        request: The generate request.
        films: What each film was drawn from.
        hashing_key: Hashes seeds and the dataset's fingerprint.
    """
    of_class = Counter(film.label for film in films if isinstance(film, OfClass))
    of_none = Counter(film.kind for film in films if not isinstance(film, OfClass))
    return {
        "synthetic_set_id": set_id,
        "notice": _NOTICE,
        "service_version": version("synthcxr"),
        "versions": {name: version(name) for name in ("torch", "pillow")},
        "request": _without_seeds(request, hashing_key),
        "dataset": {
            "version": published_version(hashing_key, model.card["dataset_fingerprint"]),
            "classes": {},
        },
        "model": {
            "id": model.id,
            "family": model.family,
            "image_size": model.image_size,
            "config_sha256": _digest(model.config),
            "snapshot_sha256": model.snapshot.sha256,
            "public_pretraining": None,
            "differential_privacy": None,
        },
        "sampler": request["sampler"],
        "classes": {label: _all(number) for label, number in of_class.items()},
        "unlabelled": {kind: _all(number) for kind, number in of_none.items()},
        "gate": None,
        "earlier_releases": [],
        "utility": None,
        "limitations": ["No privacy gate has judged this set.", "Its utility was not measured."],
    }


def _without_seeds(request: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return what was asked for; a seed regenerates films, so it is hashed."""
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


def _all(number: int) -> ClassCounts:
    return {"requested": number, "generated": number, "rejected": 0, "released": number}


def _digest(config: Mapping[str, Any]) -> str:
    canonical = json.dumps(dict(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
