"""How each image of a store was taken: a file of columns beside the pixels, as private as these.

    acquisitions.npz    a column for each field of `Acquisition`, in the order of the store;
                        numbers are NaN and texts empty where unknown

It is there only where DICOM files said any of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiographs.acquisition import Acquisition

NAME = "acquisitions.npz"
_UNKNOWN = Acquisition()
_NUMBERS = {"age_years", "row_spacing_mm", "column_spacing_mm"}


def write_acquisitions(folder: Path, acquisitions: Sequence[Acquisition | None]) -> None:
    """Write the columns of all images of a store; nothing where nothing is known."""
    known = [each or _UNKNOWN for each in acquisitions]
    if all(each == _UNKNOWN for each in known):
        return
    columns: dict[str, NDArray[Any]] = {}
    for name, values in zip(Acquisition._fields, zip(*known, strict=True), strict=True):
        dtype = np.float64 if name in _NUMBERS else np.str_
        columns[name] = np.array(values, dtype)  # None becomes NaN
    np.savez(folder / NAME, allow_pickle=False, **columns)
