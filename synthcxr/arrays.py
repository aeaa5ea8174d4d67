"""The images of a verified set as arrays, tensors or a table.

numpy, Pillow, torch and pandas are imported where they are needed: the client does not bring them.
"""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

from synthcxr.errors import MissingPackage

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch
    from numpy.typing import NDArray

    from synthcxr.verified_set import VerifiedSet


class Arrays(NamedTuple):
    """Images and labels.

    Attributes:
        images: (n, h, w), uint8 or uint16 as stored.
        labels: (n,), strings; empty for images of no class.
    """

    images: NDArray[np.uint8] | NDArray[np.uint16]
    labels: NDArray[np.str_]


class Tensors(NamedTuple):
    """Images and labels.

    Attributes:
        images: (n, 1, h, w), float32 in [0, 1].
        labels: (n,), int64: places in `classes`, -1 for images of no class.
        classes: Names of the classes, in the manifest's order.
    """

    images: torch.Tensor
    labels: torch.Tensor
    classes: tuple[str, ...]


def as_arrays(synthetic_set: VerifiedSet) -> Arrays:
    """Decode a set; see `VerifiedSet.numpy`."""
    try:
        import numpy as np
        from PIL import Image
    except ImportError as error:
        raise MissingPackage("Reading a set as arrays", "numpy", "pillow") from error
    pixels = [
        np.asarray(Image.open(io.BytesIO(png), formats=["PNG"]))
        for _, png in synthetic_set.images()
    ]
    labels = np.array([image.label or "" for image in synthetic_set.contents], dtype=np.str_)
    return Arrays(np.stack(pixels), labels)


def as_tensors(synthetic_set: VerifiedSet) -> Tensors:
    """Decode a set; see `VerifiedSet.torch`."""
    try:
        import numpy as np
        import torch
    except ImportError as error:
        raise MissingPackage("Reading a set as tensors", "torch", "numpy", "pillow") from error
    images, labels = as_arrays(synthetic_set)
    scaled = images.astype(np.float32) / np.iinfo(images.dtype).max
    places = {label: place for place, label in enumerate(synthetic_set.classes)}
    return Tensors(
        torch.from_numpy(scaled)[:, None],  # (n, 1, h, w)
        torch.tensor([places.get(label, -1) for label in labels.tolist()], dtype=torch.int64),
        synthetic_set.classes,
    )


def as_table(synthetic_set: VerifiedSet) -> pd.DataFrame:
    """List a set; see `VerifiedSet.table`."""
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingPackage("Reading a set as a table", "pandas") from error
    return pd.DataFrame([asdict(image) for image in synthetic_set.contents])
