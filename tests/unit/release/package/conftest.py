"""A small set, its description and a key of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from release.package.manifest import Description
from release.package.writer import Contents, write_package
from release.sample_spec import ClassSample, InterpolatedSample, MixtureSample

SET_ID = "syn_00000000000000000000000001"


@dataclass(frozen=True)
class Key:
    """A signer without a file."""

    private: Ed25519PrivateKey

    @property
    def id(self) -> str:
        public = self.private.public_key()
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()

    @property
    def public_pem(self) -> bytes:
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


@pytest.fixture
def description() -> Description:
    counts = {"requested": 3, "generated": 4, "rejected": 1, "released": 3}
    content: dict[str, Any] = {
        "synthetic_set_id": SET_ID,
        "notice": "Synthetic images, not for diagnosis.",
        "service_version": "0.1.0",
        "versions": {"torch": "2.15.0"},
        "request": {"class_counts": {"COVID": 3, "Viral Pneumonia": 3}},
        "dataset": {"version": "d" * 64, "class_counts": {"COVID": 730}},
        "model": {
            "id": "mdl_1",
            "family": "vae",
            "image_size": 16,
            "config_sha256": "c" * 64,
            "snapshot_sha256": "a" * 64,
            "differential_privacy": None,
        },
        "sampler": {"name": "prior"},
        "classes": {"COVID": counts, "Viral Pneumonia": counts},
        "unlabelled": {},
        "gate": {"verdict": {"outcome": "passed", "code": None}},
        "earlier_releases": [],
        "examination": {"number": 1, "at_most": 50},
        "utility": None,
        "limitations": ["No claim is made for COVID alone."],
    }
    return Description.model_validate(content)


@pytest.fixture
def contents(description: Description) -> Contents:
    return Contents(
        description=description,
        classes=("COVID", "Viral Pneumonia"),
        hashing_key=b"k" * 32,
        signer=Key(Ed25519PrivateKey.from_private_bytes(b"s" * 32)),
        documents={"report.html": b"<html></html>", "TERMS.md": b"# Terms\n"},
    )


@pytest.fixture
def images() -> list[tuple[np.ndarray, Any]]:
    """Three of a class, three of another, a mixture and a way."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 16, 16), np.uint8)
    origins = [
        *(ClassSample("COVID", 100 + index) for index in range(3)),
        *(ClassSample("Viral Pneumonia", 103 + index) for index in range(3)),
        MixtureSample({"COVID": 0.5, "Viral Pneumonia": 0.5}, 106),
        InterpolatedSample({"COVID": 1.0}, 100, 101, 0.25),
    ]
    return list(zip(pixels, origins, strict=True))


@pytest.fixture
def write(tmp_path: Path, images: Any, contents: Contents) -> Callable[..., Path]:
    """Write the set, with changes to what goes with the images."""

    def write(name: str = "set.zip", **changes: Any) -> Path:
        path = tmp_path / name
        write_package(path, images, replace(contents, **changes))
        return path

    return write
