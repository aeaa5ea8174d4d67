"""Draw an image: a patient, a finding, an exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from radiographs.phantom import findings
from radiographs.phantom.anatomy import Anatomy, random_anatomy
from radiographs.phantom.findings import Finding, Side
from radiographs.phantom.organs import Organs, outline
from radiographs.phantom.tissue import attenuation
from radiographs.phantom.view import Plane, View, random_view

FINDINGS = ("normal", "lobar_opacity", "cardiomegaly", "effusion")


@dataclass(frozen=True)
class Phantom:
    """A drawn image and the truth about it.

    Args:
        pixels: (size, size) uint8, dense tissue bright.
        label: The finding.
        mask: Where the finding is: opacity, fluid or the enlarged heart; empty in health.
        severity: 0 (barely to be seen) to 1; 0 in health.
        side: Lung that is ill, as the patient counts; None for the heart and in health.
        anatomy: The patient.
    """

    pixels: NDArray[np.uint8]
    label: str
    mask: NDArray[np.bool_]
    severity: float
    side: Side | None
    anatomy: Anatomy


def draw(label: str, *, seed: int, index: int, size: int) -> Phantom:
    """Draw one image; the same arguments give the same image.

    Args:
        label: One of FINDINGS.
        seed: Of a whole set, at least 0.
        index: Of the image in the set, at least 0; no two indices share a patient.
        size: Side of the image in pixels.

    Raises:
        ValueError: A label that is no finding of ours.
    """
    if label not in FINDINGS:
        raise ValueError(f"phantoms are drawn of {', '.join(FINDINGS)}, not {label!r}")
    rng = np.random.default_rng([seed, index])
    anatomy = random_anatomy(rng, enlarged_heart=label == "cardiomegaly")
    view = random_view(rng, size)
    organs = outline(anatomy, view)
    finding = _finding(label, rng, anatomy, view, organs)
    density = attenuation(rng, anatomy, view, organs, finding.air)
    return Phantom(
        pixels=_expose(rng, density),
        label=label,
        mask=finding.region > 0.5,
        severity=finding.severity,
        side=finding.side,
        anatomy=anatomy,
    )


def _finding(
    label: str, rng: np.random.Generator, anatomy: Anatomy, view: View, organs: Organs
) -> Finding:
    match label:
        case "lobar_opacity":
            return findings.lobar_opacity(rng, anatomy, view, organs)
        case "effusion":
            return findings.effusion(rng, anatomy, view, organs)
        case "cardiomegaly":
            return findings.enlarged_heart(anatomy, organs)
        case _:
            return findings.no_finding(view)


def _expose(rng: np.random.Generator, density: Plane) -> NDArray[np.uint8]:
    """Turn density into image: exposure and contrast vary; blur, then quantum noise.

    Fewer quanta pass dense tissue, so its noise is stronger.
    """
    size = len(density)
    black, white = rng.uniform(-0.02, 0.12), rng.uniform(0.84, 1.02)
    grey = np.clip((density - black) / (white - black), 0, 1.1) ** rng.uniform(0.85, 1.3)
    image = Image.fromarray(grey.astype(np.float32) * 255).convert("L")
    blurred = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.001, 0.004) * size))
    grey = np.asarray(blurred, dtype=np.float32)
    quanta = rng.standard_normal((size, size), dtype=np.float32)
    grey = grey + rng.uniform(1.0, 4.0) * (0.4 + grey / 255) * quanta
    return np.clip(grey + 0.5, 0, 255).astype(np.uint8)
