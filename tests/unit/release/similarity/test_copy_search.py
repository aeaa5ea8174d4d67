"""Of 300 phantoms the source of a changed one is found, but never an image of its own patient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as F
from numpy.typing import NDArray

from release.cancellation import cancellable
from release.data import LabelledImages, Pixels
from release.gate.control_transforms import part_transforms
from release.gate.transforms.change import Change, same
from release.gate.transforms.geometric import moved, warped
from release.gate.transforms.overlay import bordered, cut_out
from release.gate.transforms.tonal import blurred, compressed, gamma, noisy
from release.similarity.closeness import closeness
from release.similarity.copy_search import KEPT, WAYS, Aligned, CopySearch

NUM_COPIES = 12
PLACED = {
    "copied": same(torch.clone),
    "turned": moved(degrees=8),
    "enlarged": moved(zoom=1.2),
    "reduced": moved(zoom=0.85),
    "shifted": moved(shift=1 / 8),
    "mirrored": same(F.horizontal_flip),
    "inverted": same(F.invert),
    "gamma": gamma(2),
    "noisy": noisy(0.1),
    "blurred": blurred(1 / 64),
    "compressed": compressed(20),
    "bent": warped(2 / 64),
    "cut out": cut_out(3 / 8),
    "bordered": bordered(0.08, 0),
}


@pytest.fixture(scope="module")
def search(real: LabelledImages) -> CopySearch:
    return CopySearch(real.pixels, real.patients)


@pytest.fixture(scope="module")
def sources(real: LabelledImages) -> NDArray[np.int64]:
    return np.random.default_rng(0).choice(len(real), NUM_COPIES, replace=False)


def found_first(aligned: Aligned) -> NDArray[np.int64]:
    """Return the image that the nearest way of comparing names, (n,)."""
    nearest = aligned.distances.min(2).argmin(1)
    return aligned.places[np.arange(len(nearest)), nearest]


def changed(change: Change, real: LabelledImages, sources: NDArray[np.int64]) -> Pixels:
    return change(real.pixels[sources], np.random.default_rng(1))


@pytest.mark.parametrize("change", PLACED.values(), ids=PLACED.keys())
def test_the_source_of_a_changed_image_is_found_first(
    search: CopySearch, real: LabelledImages, sources: NDArray[np.int64], change: Change
) -> None:
    """Of twelve, one at most is missed."""
    aligned = search.aligned(changed(change, real, sources))
    assert (found_first(aligned) == sources).sum() >= NUM_COPIES - 1


@pytest.mark.parametrize("half", ["left half", "right half", "upper half", "lower half"])
def test_the_source_of_a_half_is_found_first(
    search: CopySearch,
    real: LabelledImages,
    fresh: Pixels,
    sources: NDArray[np.int64],
    half: str,
) -> None:
    [change] = [each for each in part_transforms(fresh[:NUM_COPIES]) if each.name == half]
    aligned = search.aligned(change.apply(real.pixels[sources], seed=1))
    assert (found_first(aligned) == sources).sum() >= NUM_COPIES - 1


def test_a_copy_is_at_no_distance_and_a_new_image_at_some(
    search: CopySearch, real: LabelledImages, fresh: Pixels
) -> None:
    copy, new = search.aligned(real.pixels[:6]), search.aligned(fresh)
    assert copy.distances.min(1).max() < 0.01
    assert new.distances[:, :, WAYS.index("whole")].min() > 0.05
    num_aligned = sum(KEPT.values())
    assert new.places.shape == (len(fresh), num_aligned)
    assert new.distances.shape == (len(fresh), num_aligned, len(WAYS))


def test_the_own_patient_is_never_found(real: LabelledImages) -> None:
    """Each has three images, one of which is mirrored."""
    pixels = np.concatenate([real.pixels[:40], real.pixels[:40], real.pixels[:40, :, ::-1]])
    patients = np.tile(np.arange(40), 3)
    search = CopySearch(pixels, patients)
    found = search.aligned(pixels[:20], patients[:20]).places
    assert (found >= 0).any(1).all()
    assert not ((patients[found] == patients[:20, None]) & (found >= 0)).any()


def test_neither_the_order_of_images_nor_their_company_matters(
    search: CopySearch, fresh: Pixels, real: LabelledImages
) -> None:
    """More than are searched for at once, backwards, and a few alone."""
    pixels = np.concatenate([fresh, real.pixels[:60], fresh[:, ::-1]])
    whole, backwards, few = (search.aligned(each) for each in (pixels, pixels[::-1], pixels[30:33]))
    for other, expected in (
        (backwards.places[::-1], whole.places),
        (few.places, whole.places[30:33]),
    ):
        assert (np.sort(other, 1) == np.sort(expected, 1)).mean() > 0.99
    for other, expected in (
        (backwards.distances[::-1], whole.distances),
        (few.distances, whole.distances[30:33]),
    ):
        np.testing.assert_allclose(other.min(1), expected.min(1), atol=1e-4)


def test_the_order_of_the_real_images_does_not_matter(
    search: CopySearch, real: LabelledImages, sources: NDArray[np.int64]
) -> None:
    order = np.random.default_rng(3).permutation(len(real))
    other = CopySearch(real.pixels[order], real.patients[order])
    pixels = changed(moved(degrees=8), real, sources)
    assert np.array_equal(
        order[found_first(other.aligned(pixels))], found_first(search.aligned(pixels))
    )


@pytest.mark.parametrize("num", [1, 3])
def test_fewer_real_images_than_candidates_are_all_there_is(
    real: LabelledImages, fresh: Pixels, num: int
) -> None:
    search = CopySearch(real.pixels[:num], real.patients[:num])
    found = search.aligned(np.concatenate([real.pixels[:num], fresh[:2]]))
    assert found_first(found)[:num].tolist() == list(range(num))
    assert ((found.places >= 0) == np.isfinite(found.distances[:, :, 0])).all()
    nobody = search.aligned(real.pixels[:1], real.patients[:1])
    assert (np.isin(nobody.places, np.arange(-1, num)) & (nobody.places != 0)).all()


@pytest.mark.parametrize("make", [np.zeros, np.ones], ids=["black", "grey"])
def test_flat_images_are_near_to_nobody_and_give_numbers(
    make: Callable[..., Pixels], real: LabelledImages
) -> None:
    """Among the queries, and among the real images."""
    flat = 100 * make((2, 64, 64), np.uint8)
    pixels = np.concatenate([real.pixels[:20], flat])
    search = CopySearch(pixels, np.arange(22))
    for found in (search.aligned(flat), search.aligned(real.pixels[20:24])):
        assert not np.isnan(found.distances).any()
        by_way = closeness(found, real.patients, np.arange(22) < 10)
        assert all(np.isfinite(values).all() for values in by_way.values())
    assert (search.aligned(flat).distances > 0.9).all()


def test_images_that_may_only_be_read_are_searched_for(search: CopySearch, fresh: Pixels) -> None:
    pixels = fresh[:2].copy()
    pixels.setflags(write=False)
    assert np.array_equal(search.aligned(pixels).places, search.aligned(fresh[:2]).places)


def test_a_search_can_be_given_up(real: LabelledImages, fresh: Pixels) -> None:
    class GivenUp(Exception):
        pass

    def check() -> None:
        raise GivenUp

    search = CopySearch(real.pixels[:5], real.patients[:5])
    with pytest.raises(GivenUp), cancellable(check):
        search.aligned(fresh)
