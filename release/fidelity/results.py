"""How like real images a set is: the figures, as they stand in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from release.fidelity.validity import Validity
from release.stats.estimate import Estimate

ALL = "all"


@dataclass(frozen=True)
class ExtractorSummary:
    """The network whose features were compared.

    Attributes:
        name: What it is called.
        sha256: Of its weights, in hexadecimal.
        preparation: How images are put before it, in words.
    """

    name: str
    sha256: str
    preparation: str


@dataclass(frozen=True)
class FidelityRow:
    """One class, or "all" of them.

    Attributes:
        label: The class, or "all".
        num_images: How many the set has.
        num_compared: How many were compared by all but KID and label agreement, on either side.
        synthetic: Of the set, by the metrics' names (`release.fidelity.metrics`); None where the
            images were too few.
        floor: Of as many real test images: what a perfect model would show.
    """

    label: str
    num_images: int
    num_compared: int
    synthetic: Mapping[str, Estimate | None]
    floor: Mapping[str, Estimate | None]


@dataclass(frozen=True)
class Fidelity:
    """How like real images a set is.

    Attributes:
        extractor: What the images were compared by.
        rows: One for each class that the set has images of, and "all"; none without labels.
        validity: What the gate asks first.
    """

    extractor: ExtractorSummary
    rows: tuple[FidelityRow, ...]
    validity: Validity
