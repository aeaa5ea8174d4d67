"""Whether the classes of a set have different formats, which might be learned for the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from radiographs.reading.image_header import ImageHeader
from radiographs.warnings import IngestWarning

_MAX_DIFFERENCE = 0.5  # of the shares of a format in two classes


def formats_of_classes(
    labels: Sequence[str], headers: Sequence[ImageHeader]
) -> list[IngestWarning]:
    """Warn where one class is mostly of a format and bit depth that another one is not.

    Args:
        labels: Of each image.
        headers: Of each image, in the same order.
    """
    totals = Counter(labels)
    kinds = [f"{header.format} of {header.bit_depth} bits" for header in headers]
    counts = Counter(zip(kinds, labels, strict=True))
    found = []
    for kind in sorted(set(kinds)):
        shares = {label: counts[kind, label] / totals[label] for label in sorted(totals)}
        most, least = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
        if shares[most] - shares[least] > _MAX_DIFFERENCE:
            found.append(
                f"{shares[most]:.0%} of {most} and {shares[least]:.0%} of {least} are {kind}"
            )
    if not found:
        return []
    detail = (
        f"{'; '.join(found)}: the traces of a format may be learned for the label. Bring all "
        "images from their originals to one format."
    )
    return [IngestWarning("format_of_classes", detail, len(labels))]
