"""Identifiers: sortable random ones, and the one a synthetic set earns by its request."""

import hashlib
import json
import os
import time
from typing import Any

from service.domain.json_form import as_json
from service.domain.requests import GenerateRequest

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_NUM_CHARACTERS = 26  # 26 * 5 bits hold the 128 bits of a UUID


def new_id(prefix: str) -> str:
    """Make a new identifier such as `job_01kaj...`, sortable by its time of birth.

    Args:
        prefix: Kind of the thing named: `ds`, `job`, `key`, `mdl` or `syn`.

    Returns:
        The prefix, an underscore and a UUIDv7 in 26 lower-case Crockford base32 characters.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    uuid7 = (
        milliseconds << 80 | 0x7 << 76 | (random >> 68) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    )
    return f"{prefix}_{base32(uuid7)}"


def synthetic_set_id(request: GenerateRequest, *, snapshot_sha256: str, version: str) -> str:
    """Name the set that a generate request will always yield.

    Two requests share an identifier exactly when every byte of their sets is the same.

    Args:
        request: What is asked for; its own `synthetic_set_id` does not count.
        snapshot_sha256: Checksum of the model's weights.
        version: Version of the package that samples.
    """
    identity: dict[str, Any] = {
        "model_id": request.model_id,
        "snapshot": snapshot_sha256,
        "class_counts": list(request.class_counts.items()),  # the order numbers the images
        "seed": request.seed,
        "sampler": request.sampler,
        "format": request.format,
        "version": version,
        "mixtures": request.mixtures,
        "interpolate": request.interpolate,
        "extractors": request.extractors,
        "report": request.report,
    }
    if request.upscale is not None:
        identity["upscale"] = request.upscale
    canonical = json.dumps(as_json(identity), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return f"syn_{base32(int.from_bytes(digest[:16]))}"


def base32(number: int, num_characters: int = _NUM_CHARACTERS) -> str:
    """Write a number in Crockford's base32, lower case, most significant digit first.

    Args:
        number: From 0 to below 32 to the power of `num_characters`.
        num_characters: Length of the text; by default what a 128-bit number takes.
    """
    shifts = range(5 * (num_characters - 1), -1, -5)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in shifts)
