"""The grey values that the images of a set use, and how they are spread over all that are stored.

Detectors give 10 to 14 bits in files of 16, so that white may be 4095. The range is taken over the
whole set and every image is brought from it to the full range alike: a darker image stays darker.
Where one class uses another range than the others its brightness would be its label, so that such
a set is refused.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from radiographs.errors import IngestRefused
from radiographs.prepared_image import PreparedImage
from radiographs.quoting import quoted
from radiographs.store.pixels import Pixels, dtype_of
from radiographs.warnings import IngestWarning

_MAX_RATIO = 1.6  # of the medians of two classes' brightest values: a bit more or less is 2
_DARK = 4  # an image that uses less than a quarter of the range is of another one
_MAX_DARK_SHARE_DIFFERENCE = 0.3  # between two classes
_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class GreyRange:
    """What the images of a set hold.

    Args:
        tops: (n,), the brightest value of each decoded image, markers left aside.
        depths: (n,), the bits of each file, 8 or 16.
        decoded_depth: The bits that all images were decoded to, 8 or 16.
    """

    tops: NDArray[np.int64]
    depths: NDArray[np.int64]
    decoded_depth: int

    def bits(self, depth: int) -> int:
        """Return how many bits the files of a depth use; at least 1."""
        tops = self.tops[self.depths == depth] // self._unit(depth)
        return max(1, int(tops.max(initial=0)).bit_length())

    def white(self) -> NDArray[np.float32]:
        """Return the value of each decoded image that becomes white, (n,)."""
        white = {
            depth: (2 ** self.bits(depth) - 1) * self._unit(depth)
            for depth in np.unique(self.depths).tolist()
        }
        return np.array([white[depth] for depth in self.depths.tolist()], np.float32)

    def warnings(self) -> list[IngestWarning]:
        """Say which ranges were spread, and how many images are of another one."""
        found = []
        for depth in np.unique(self.depths).tolist():
            bits, of_depth = self.bits(depth), self.depths == depth
            if bits < depth:
                detail = (
                    f"The grey values of the {depth}-bit files end at {2**bits - 1} ({bits} bits); "
                    "they were spread over all that are stored, alike for every image. What is "
                    "brighter, as markers are, is white."
                )
                found.append(IngestWarning("grey_range_narrow", detail, int(of_depth.sum())))
        dark = self._dark()
        if dark.any():
            detail = (
                "Some images use less than a quarter of the range of the others, and are stored as "
                "dark. Bring them to one range before, if they are of different detectors."
            )
            found.append(IngestWarning("grey_ranges_mixed", detail, int(dark.sum())))
        return found

    def of_classes(self, labels: Sequence[str]) -> list[IngestWarning]:
        """Compare the classes.

        Raises:
            IngestRefused: grey_range_differs.
        """
        found = []
        for depth in np.unique(self.depths).tolist():
            darkest, brightest, differs = self._extremes(labels, depth)
            if differs and depth > 8:
                raise IngestRefused(
                    "grey_range_differs",
                    "The classes use different ranges of grey values (12 bits in one and 16 in "
                    "another, or the like), so that brightness would be the label. Bring all "
                    "images to one range before.",
                    [f"Classes {quoted(darkest)!r} and {quoted(brightest)!r} differ most."],
                )
            if differs:
                detail = (
                    f"The images of {brightest} are far brighter than those of {darkest}: "
                    "brightness may be learned for the label."
                )
                number = int((self.depths == depth).sum())
                found.append(IngestWarning("grey_range_of_classes", detail, number))
        return found

    def _extremes(self, labels: Sequence[str], depth: int) -> tuple[str, str, bool]:
        """Return the darkest and the brightest class of a depth, and whether they differ."""
        tops: dict[str, list[int]] = defaultdict(list)
        dark: dict[str, list[bool]] = defaultdict(list)
        per_image = zip(labels, self.tops.tolist(), self._dark().tolist(), self.depths, strict=True)
        for label, top, is_dark, of_depth in per_image:
            if of_depth == depth:
                tops[label].append(top)
                dark[label].append(is_dark)
        median = {label: float(np.median(theirs)) for label, theirs in tops.items()}
        darkest, brightest = (
            min(median, key=median.__getitem__),
            max(median, key=median.__getitem__),
        )
        shares = [float(np.mean(theirs)) for theirs in dark.values()]
        differs = (
            median[brightest] > _MAX_RATIO * median[darkest]
            or max(shares) - min(shares) > _MAX_DARK_SHARE_DIFFERENCE
        )
        return darkest, brightest, differs

    def _dark(self) -> NDArray[np.bool_]:
        return (self.depths > 8) & (self.tops * _DARK < self.white())

    def _unit(self, depth: int) -> int:
        """Return what one step of grey of a file became when it was decoded."""
        return 257 if self.decoded_depth > depth else 1


def spread(
    pixels: Pixels, white: NDArray[np.float32], depth: int, out: BinaryIO
) -> Iterator[list[str]]:
    """Write images so that `white` of each becomes white at a depth.

    Args:
        pixels: (n, size, size), as decoded.
        white: (n,).
        depth: 8 or 16.
        out: Where the images are written, one after the other.

    Yields:
        The SHA-256 of some images, in hexadecimal.
    """
    for start in range(0, len(pixels), _IMAGES_AT_ONCE):
        some = slice(start, start + _IMAGES_AT_ONCE)
        scale = np.float32(2**depth - 1) / white[some, None, None]
        values = pixels[some].astype(np.float32) * scale + np.float32(0.5)
        images = np.floor(values).clip(0, 2**depth - 1).astype(dtype_of(depth))
        out.write(images.tobytes())
        yield [hashlib.sha256(image.tobytes()).hexdigest() for image in images]


def with_digests(images: Sequence[PreparedImage], digests: Sequence[str]) -> list[PreparedImage]:
    """Return images with the digests of what is stored of them."""
    pairs = zip(images, digests, strict=True)
    return [image._replace(digest=digest) for image, digest in pairs]
