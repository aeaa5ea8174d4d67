"""What a set needs to be used: classes, images of each, and pixels for the size to be stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from radiographs.errors import IngestRefused
from radiographs.quoting import quoted
from radiographs.reading.image_header import ImageHeader
from radiographs.store.resizing import Fit, reaches

IMAGE_SIZES = (64, 128, 256, 512)
MIN_IMAGES_PER_CLASS = 8
MIN_SHARE_REACHING_SIZE = 0.95


def check_classes(labels: Iterable[str]) -> None:
    """Check that there are classes, and that each has enough images.

    Raises:
        IngestRefused: single_class, class_too_small.
    """
    counts = Counter(labels)
    if len(counts) < 2:
        raise IngestRefused(
            "single_class",
            f"At least two classes are needed and there is {'only one' if counts else 'none'}. "
            "Add images of another class, in a folder of its own or with its label in labels.csv.",
            [f"Only {quoted(label)!r}." for label in counts],
        )
    for label, num_images in sorted(counts.items()):
        if num_images < MIN_IMAGES_PER_CLASS:
            raise IngestRefused(
                "class_too_small",
                f"A class has {num_images} readable images and each class needs "
                f"{MIN_IMAGES_PER_CLASS}. Add images, or leave the class out.",
                [f"Class {quoted(label)!r} has {num_images} readable images."],
            )


def image_size(headers: Sequence[ImageHeader], asked: int | None, fit: Fit) -> int:
    """Settle the store's size.

    Args:
        headers: Of all images.
        asked: The size that was asked for; None for the largest that nearly all images reach.
        fit: How an image that is not square becomes square.

    Raises:
        IngestRefused: image_size_not_available.
    """
    share = {
        size: float(np.mean([reaches(h.height, h.width, size, fit) for h in headers]))
        for size in IMAGE_SIZES
    }
    available = [size for size in IMAGE_SIZES if share[size] >= MIN_SHARE_REACHING_SIZE]
    wanted = asked or max(available, default=min(IMAGE_SIZES))
    if wanted not in IMAGE_SIZES:
        raise ValueError(f"image_size is one of {IMAGE_SIZES}, not {wanted}")
    if wanted not in available:
        raise IngestRefused(
            "image_size_not_available",
            f"{share[wanted]:.0%} of the images reach {wanted} px and "
            f"{MIN_SHARE_REACHING_SIZE:.0%} must. "
            f"Sizes this set can give: {', '.join(map(str, available)) or 'none'}.",
        )
    return wanted
