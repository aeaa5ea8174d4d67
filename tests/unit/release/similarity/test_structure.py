"""Structure is what is left of an image when its tones are taken away."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from release.data import LabelledImages, Pixels
from release.gate.transforms.change import Change
from release.gate.transforms.tonal import brightened, contrasted, gamma
from release.similarity.structure import COARSE_SIDE, FINE_SIDE, Structure

NUM = 12


def correlations(ours: Tensor, theirs: Tensor) -> Tensor:
    ours, theirs = (
        each.flatten(1) - each.flatten(1).mean(1, keepdim=True) for each in (ours, theirs)
    )
    return (ours * theirs).sum(1) / (ours.norm(dim=1) * theirs.norm(dim=1))


@pytest.fixture(scope="module")
def pixels(real: LabelledImages) -> Pixels:
    return real.pixels[:NUM]


@pytest.mark.parametrize(
    "change",
    [gamma(1.5), contrasted(0.3), brightened(0.1)],
    ids=["gamma", "contrast", "brightness"],
)
def test_other_tones_leave_the_structure_almost_as_it_is(change: Change, pixels: Pixels) -> None:
    changed = change(pixels, np.random.default_rng(0))
    for before, after in zip(Structure.of(pixels), Structure.of(changed), strict=True):
        assert correlations(before, after).min() > 0.9


def test_other_images_have_another_structure(pixels: Pixels) -> None:
    structure = Structure.of(pixels).fine
    assert correlations(structure, structure.roll(1, 0)).max() < 0.9


def test_an_inverted_image_has_the_structure_with_the_other_sign(pixels: Pixels) -> None:
    changed = 255 - pixels
    for before, after in zip(Structure.of(pixels), Structure.of(changed), strict=True):
        torch.testing.assert_close(after, -before, atol=1e-3, rtol=0)


def test_the_structure_of_a_larger_image_has_the_same_size(pixels: Pixels) -> None:
    larger = pixels.repeat(2, 1).repeat(2, 2)
    for once, twice in zip(Structure.of(pixels), Structure.of(larger), strict=True):
        torch.testing.assert_close(once, twice)
    assert Structure.of(larger).fine.shape == (NUM, FINE_SIDE, FINE_SIDE)
    assert Structure.of(larger).medium.shape == (NUM, COARSE_SIDE, COARSE_SIDE)


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_flat_image_shows_nothing(grey: int) -> None:
    for part in Structure.of(np.full((2, 64, 64), grey, np.uint8)):
        assert (part == 0).all()


def test_faint_noise_in_flat_places_does_not_count() -> None:
    noise = np.random.default_rng(0).integers(127, 130, (2, 64, 64)).astype(np.uint8)
    assert Structure.of(noise).fine.abs().max() < 0.2
