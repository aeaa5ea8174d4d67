"""The figures of fidelity, class by class and over all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release.fidelity.validity import Validity
from release.stats.intervals import Estimate

IN_FULL = ("precision", "recall", "density", "coverage", "ms_ssim")


@dataclass(frozen=True)
class Likeness:
    """How like the real images H some images are; None where they are too few to be measured.

    Attributes:
        kid: Squared kernel distance; 0 on average for images of the same kind.
        fd: Fréchet distance, biased upwards by how few the images are.
        precision: Share of the images that fall among real ones.
        recall: Share of the real images that fall among these.
        density: How many real neighbourhoods an image falls in, over k; about 1 at best.
        coverage: Share of the real images that have one of these nearby.
        ms_ssim: How alike two images of one class are; less is more variety.
        agreement: Share that the classifier assigns to their label.
    """

    kid: Estimate | None = None
    fd: Estimate | None = None
    precision: Estimate | None = None
    recall: Estimate | None = None
    density: Estimate | None = None
    coverage: Estimate | None = None
    ms_ssim: Estimate | None = None
    agreement: Estimate | None = None


@dataclass(frozen=True)
class Row:
    """One class, or "all" of them.

    Attributes:
        label: The class, or "all".
        num_images: How many the set has.
        num_compared: How many were compared by all but KID and agreement, on either side.
        found: Of the synthetic images.
        floor: Of as many real images U: what a perfect model would show.
    """

    label: str
    num_images: int
    num_compared: int
    found: Likeness
    floor: Likeness

    def described(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        found = {name: _described(each) for name, each in vars(self.found).items()}
        floors = {f"{name}_floor": _described(getattr(self.floor, name)) for name in ("kid", "fd")}
        return {"label": self.label, "num_images": self.num_images, **found, **floors}

    def described_in_full(self) -> dict[str, Any]:
        """Return the row and every floor as JSON values."""
        floors = {f"{name}_floor": _described(getattr(self.floor, name)) for name in IN_FULL}
        return {**self.described(), "num_compared": self.num_compared, **floors}


@dataclass(frozen=True)
class Fidelity:
    """How like real images a set is.

    Attributes:
        extractor: Name of the network whose features were compared.
        extractor_digest: SHA-256 of its weights, in hexadecimal.
        preparation: How images were put before it.
        rows: One for each class that the set has images of, and "all"; none without labels.
        validity: What the gate asks first.
    """

    extractor: str
    extractor_digest: str
    preparation: str
    rows: tuple[Row, ...]
    validity: Validity

    def described(self) -> dict[str, Any]:
        """Return the figures as JSON values, as `report.json` holds them."""
        return {**self._about(), "rows": [row.described() for row in self.rows]}

    def described_in_full(self) -> dict[str, Any]:
        """Return the figures with every floor beside them."""
        return {**self._about(), "rows": [row.described_in_full() for row in self.rows]}

    def _about(self) -> Mapping[str, Any]:
        return {
            "extractor": {
                "name": self.extractor,
                "sha256": self.extractor_digest,
                "preparation": self.preparation,
            }
        }


def _described(estimate: Estimate | None) -> dict[str, float | None] | None:
    return None if estimate is None else estimate.described()
