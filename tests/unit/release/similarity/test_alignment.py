"""Maps take places of the candidate to places of the query; sides are 2 long, pixels of 32."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from release.data import LabelledImages, Pixels
from release.similarity.alignment import (
    Targets,
    agreement,
    best_shift,
    refined,
    shifted_maps,
    warped,
)
from release.similarity.structure import Structure
from release.similarity.windows import PARTS, WHOLE

IDENTITY = torch.eye(2, 3)
NUM = 8


def upright(num: int) -> Tensor:
    return IDENTITY.expand(num, 2, 3).clone()


@pytest.fixture(scope="module")
def medium(real: LabelledImages) -> Tensor:
    return Structure.of(real.pixels[:NUM]).medium


@pytest.fixture(scope="module")
def others(fresh: Pixels) -> Tensor:
    return Structure.of(fresh[:NUM]).medium


def shift_of(queries: Tensor, candidates: Tensor, window=WHOLE):
    targets = Targets.of(candidates)
    return best_shift(queries, window, targets.spectra, targets.energy(window))


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, -2), (-5, 4), (6, 6)])
def test_the_best_shift_is_the_one_that_was_made(medium: Tensor, right: int, down: int) -> None:
    """The candidate shows what the query shows so far to the right and down."""
    found = shift_of(medium, medium.roll((down, right), (1, 2)))
    assert found.place.tolist() == [[right, down]] * NUM
    assert found.correlation.min() > 0.99


def test_an_inverted_image_is_found_at_the_same_shift(medium: Tensor) -> None:
    found = shift_of(-medium, medium.roll(4, 2))
    assert found.place.tolist() == [[4, 0]] * NUM
    assert found.correlation.min() > 0.99


def test_other_images_fit_worse(medium: Tensor, others: Tensor) -> None:
    assert shift_of(medium, others).correlation.max() < 0.95


def test_no_shift_beyond_the_reach_of_a_window_is_tried(medium: Tensor) -> None:
    for window in PARTS:
        place = shift_of(medium, medium.roll(5, 1), window).place
        assert place.abs().max() <= window.reach


def test_a_window_sees_nothing_of_what_lies_outside(medium: Tensor, others: Tensor) -> None:
    """Left half of one image, right half of another."""
    left = PARTS[0]
    stitched = torch.where(left.weights > 0, medium, others)
    found = shift_of(stitched, medium, left)
    assert found.place.tolist() == [[0, 0]] * NUM
    assert found.correlation.min() > 0.99


def test_maps_of_a_shift_lay_the_query_over_its_source(medium: Tensor) -> None:
    moved = medium.roll((2, -3), (1, 2))
    maps = shifted_maps(upright(NUM), shift_of(medium, moved).place)
    laid = warped(medium, maps)
    inside = (slice(None), slice(6, -6), slice(6, -6))
    torch.testing.assert_close(laid[inside], moved[inside], atol=1e-4, rtol=0)


def test_the_identity_shows_an_image_as_it_is(medium: Tensor) -> None:
    torch.testing.assert_close(warped(medium, upright(NUM)), medium, atol=1e-4, rtol=0)


def test_a_small_affine_map_is_recovered_to_a_fraction_of_a_pixel(real: LabelledImages) -> None:
    """Turned by 3 degrees, enlarged by 4 % and shifted by half a pixel and more."""
    images = Structure.of(real.pixels[:NUM]).coarse
    turn, zoom = np.radians(3), 1.04
    c, s = np.cos(turn) * zoom, np.sin(turn) * zoom
    known = torch.tensor([[c, -s, 0.05], [s, c, -0.04]], dtype=torch.float32).expand(NUM, 2, 3)
    candidates = warped(images, known)
    weights = WHOLE.weights.expand(NUM, 32, 32)
    found = refined(images, candidates, weights, upright(NUM))
    corners = torch.tensor([[x, y, 1] for x in (-0.6, 0.6) for y in (-0.6, 0.6)]).T

    def error(maps: Tensor) -> Tensor:
        return ((maps - known) @ corners).norm(dim=1).amax(1) * 16  # pixels

    assert error(upright(NUM)).min() > 1
    assert error(found).median() < 0.1
    assert error(found).max() < 0.5


def test_no_step_makes_the_fit_worse(medium: Tensor, others: Tensor) -> None:
    weights = WHOLE.weights.expand(NUM, 32, 32)
    found = refined(medium, others, weights, upright(NUM))

    def fit(maps: Tensor) -> Tensor:
        seen = warped(medium, maps)
        product = (weights * seen * others).sum((1, 2)).abs()
        return (
            product / ((weights * seen**2).sum((1, 2)) * (weights * others**2).sum((1, 2))).sqrt()
        )

    assert (fit(found) >= fit(upright(NUM)) - 1e-5).all()


def test_an_image_agrees_with_itself_and_with_its_negative(medium: Tensor) -> None:
    for query in (medium, -medium):
        assert agreement(query, medium, upright(NUM)).max() < 1e-4


def test_what_is_copied_by_half_agrees_by_half(medium: Tensor, others: Tensor) -> None:
    stitched = medium.clone()
    stitched[:, :, 16:] = others[:, :, 16:].flip(1)
    whole, half, quarter = agreement(stitched, medium, upright(NUM)).unbind(1)
    assert half.max() < 0.1
    assert quarter.max() < 0.1
    assert whole.min() > 0.15
    assert (whole >= half).all()


def test_images_that_show_nothing_disagree_and_give_numbers(medium: Tensor) -> None:
    nothing = torch.zeros_like(medium)
    maps = refined(nothing, medium, WHOLE.weights.expand(NUM, 32, 32), upright(NUM))
    assert maps.isfinite().all()
    maps = refined(medium, nothing, WHOLE.weights.expand(NUM, 32, 32), upright(NUM))
    assert maps.isfinite().all()
    for pair in ((nothing, medium), (medium, nothing), (nothing, nothing)):
        assert (agreement(*pair, maps) == 1).all()
        found = shift_of(*pair)
        assert found.correlation.isfinite().all()
