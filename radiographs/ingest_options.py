"""How the images of a source are to be stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from radiographs.prepared_image import BurnedInText
from radiographs.reading.limits import ReadingLimits
from radiographs.splits.keyed_hash import KEY_BYTES
from radiographs.store.resizing import Fit


@dataclass(frozen=True)
class IngestOptions:
    """How images are stored.

    Args:
        key: 32 random bytes that the splits are drawn under; the same key and images give the same
            splits, and nobody without it can compute them.
        image_size: Side of each image, 64, 128, 256 or 512; None for the largest that at least 95 %
            of the images reach.
        fit: pad, crop or stretch to a square.
        bit_depth: 8 or 16; None for 16 where any image has more than 8.
        num_workers: Threads; None for one per core.
        ledger: File that remembers the split of every patient who was ever split under the key.
            None: nobody is known, and nobody is remembered.
        limits: What reading may cost.
        strict: Whether any warning refuses the set.
        allow_burned_in_annotation: Whether DICOM files are kept that say that text is burned into
            their pixels; they are left out otherwise.
        burned_in_text: Whether legible text in images is kept, masked, or its image dropped.
    """

    key: bytes = field(repr=False)
    image_size: int | None = None
    fit: Fit = "pad"
    bit_depth: Literal[8, 16] | None = None
    num_workers: int | None = None
    ledger: Path | None = None
    limits: ReadingLimits = field(default_factory=ReadingLimits)
    strict: bool = False
    allow_burned_in_annotation: bool = False
    burned_in_text: BurnedInText = "keep"

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"the key has {KEY_BYTES} bytes, not {len(self.key)}")
