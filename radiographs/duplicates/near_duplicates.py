"""Images that are the same radiograph, or nearly so.

Found also where one of the two was cropped, framed, shifted, turned a little, mirrored, inverted,
equalised, marked or saved otherwise. Two steps:

    shortlist      every pair: by the directions of edges (`outlines`, `shortlist`)
    registration   each image's most alike: laid over each other, coarsely first, and compared part
                   by part (`registration`)

A mirrored or inverted image shows the same patient and is held out with the unchanged one. Two
radiographs of one patient taken alike are found as well, which is as it should be: what is held
out must not be trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.contrast import Contrast, local_contrast
from radiographs.duplicates.descriptor import SIDE, Descriptor
from radiographs.duplicates.outlines import outlines_of
from radiographs.duplicates.registration import (
    Affine,
    agreement,
    correlation,
    enlarges,
    register,
    reversed_maps,
    unmoved,
)
from radiographs.duplicates.shortlist import ImagePairs, shortlist
from radiographs.store.resizing import block_mean

MIN_AGREEMENT = 0.8
COPY_AGREEMENT = 0.93  # beyond it, one radiograph: others of the patient hardly ever agree so far


class Found(NamedTuple):
    """Near-duplicates among some images.

    Args:
        num_seen: How many images have been compared so far.
        pairs: (k, 2) indices, first < second.
        agreement: Of each pair, `MIN_AGREEMENT` to 1.
    """

    num_seen: int
    pairs: NDArray[np.intp]
    agreement: NDArray[np.float32]


class _Stage(NamedTuple):
    """A registration at one size.

    Args:
        factor: Pixels of the descriptor to one, along each side.
        sigma: Deviation of the local contrast that is laid over each other, in sides.
        num_steps: Of the registration.
    """

    factor: int
    sigma: float
    num_steps: int


_COARSE = _Stage(4, 0.104, 5)
_MIDDLE = _Stage(2, 0.0625, 4)
_FINE = _Stage(1, 0.04, 2)  # of the few pairs that come so far
_MIDDLE_AGREEMENT = 0.82  # without which a pair is not looked at finely
# Deviation of the local contrast that is compared in the end, in sides: the finer, the more do
# patients differ and the less do copies of poor quality agree.
_JUDGED = 0.028
_PAIRS_AT_ONCE = 128


def near_duplicates(descriptors: Descriptor, num_asked: int | None = None) -> Iterator[Found]:
    """Find the pairs of near-duplicates, some rows of images at a time.

    Args:
        descriptors: (n, SIDE, SIDE), of images that are not equal.
        num_asked: How many of them are asked about, the first ones: pairs among the others are
            not looked for. All, if None.

    Yields:
        What was found among the next rows; often no pair. The pairs do not depend on the order of
        the images. Of many copies of one image not all pairs are named, but enough to join them.
    """
    asked = len(descriptors) if num_asked is None else num_asked
    if not asked:
        return
    coarse, middle = (_Contrasts(descriptors, stage) for stage in (_COARSE, _MIDDLE))
    for num_seen, listed in shortlist(outlines_of(descriptors), asked):
        pairs, agree = [np.empty((0, 2), np.intp)], [np.empty(0, np.float32)]
        for start in range(0, len(listed.first), _PAIRS_AT_ONCE):
            some = listed.where(slice(start, start + _PAIRS_AT_ONCE))
            some = _in_order_of_content(descriptors, some)
            some, of_some = _confirmed(descriptors, coarse, middle, some)
            pairs.append(np.sort(np.stack([some.first, some.second], axis=1), axis=1))
            agree.append(of_some)
        yield Found(num_seen, np.concatenate(pairs), np.concatenate(agree))


class _Contrasts:
    """What a stage lays over each other, of the images that were ever shortlisted."""

    def __init__(self, descriptors: Descriptor, stage: _Stage) -> None:
        side = SIDE // stage.factor
        self._descriptors, self._stage = descriptors, stage
        self._contrasts = np.empty((len(descriptors), side, side), np.float16)
        self._known = np.zeros(len(descriptors), bool)

    def of(self, images: NDArray[np.intp]) -> Contrast:
        missing = np.unique(images[~self._known[images]])
        contrast = local_contrast(self._descriptors[missing], self._stage.sigma)
        self._contrasts[missing] = block_mean(contrast, self._stage.factor)
        self._known[missing] = True
        return self._contrasts[images].astype(np.float32)


def _in_order_of_content(descriptors: Descriptor, pairs: ImagePairs) -> ImagePairs:
    """Put the image first whose first differing pixel is darker, whatever their order."""
    one, other = (
        descriptors[images].reshape(len(images), SIDE**2).astype(np.int16)
        for images in (pairs.first, pairs.second)
    )
    differences = one - other
    place = (differences != 0).argmax(axis=1)
    return pairs.swapped(differences[np.arange(len(place)), place] > 0)


def _confirmed(
    descriptors: Descriptor, coarse: _Contrasts, middle: _Contrasts, pairs: ImagePairs
) -> tuple[ImagePairs, NDArray[np.float32]]:
    """Register pairs, at small sizes first; return those that agree, and how much."""
    first, second = _laid_out(coarse.of, pairs)
    sign = np.where(correlation(first, second) < 0, -1, 1).astype(np.float32)
    maps = register(first, second, sign, unmoved(len(sign)), _COARSE.num_steps)
    pairs, maps = _part_first(pairs, maps)

    first, second = _laid_out(middle.of, pairs)
    maps = register(first, second, sign, maps, _MIDDLE.num_steps)
    agree = agreement(first, second, sign, maps) >= _MIDDLE_AGREEMENT
    pairs, sign, maps = pairs.where(agree), sign[agree], maps[agree]

    first, second = _laid_out(
        lambda images: local_contrast(descriptors[images], _FINE.sigma), pairs
    )
    maps = register(first, second, sign, maps, _FINE.num_steps)
    first, second = _laid_out(lambda images: local_contrast(descriptors[images], _JUDGED), pairs)
    how_much = agreement(first, second, sign, maps)
    agree = how_much >= MIN_AGREEMENT
    return pairs.where(agree), how_much[agree]


def _part_first(pairs: ImagePairs, maps: Affine) -> tuple[ImagePairs, Affine]:
    """Put the image first that shows less: its edges are then no edges of what is compared."""
    swap = ~enlarges(maps)
    reverse = reversed_maps(maps, pairs.mirrored)
    return pairs.swapped(swap), np.where(swap[:, None, None], reverse, maps)


def _laid_out(
    contrast_of: Callable[[NDArray[np.intp]], Contrast], pairs: ImagePairs
) -> tuple[Contrast, Contrast]:
    """Return the two images of each pair, the second mirrored where the pair is."""
    second = contrast_of(pairs.second)
    mirrored = np.where(pairs.mirrored[:, None, None], second[:, :, ::-1], second)
    return contrast_of(pairs.first), mirrored
