from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from release.gate.transforms.overlay import bordered, framed
from release.similarity.structure import trimmed


@pytest.fixture(scope="module")
def images() -> Tensor:
    """Smooth ones that reach their edges."""
    coarse = torch.randn(8, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(coarse, 96, mode="bicubic").squeeze(1)
    return (128 + 30 * smooth).clamp(0, 255).round()


def test_an_image_without_a_margin_stays_as_it_is(images: Tensor) -> None:
    assert torch.equal(trimmed(images), images)


@pytest.mark.parametrize("grey", [0, 255])
def test_a_frame_is_removed_and_the_image_enlarged_again(images: Tensor, grey: int) -> None:
    pixels = images.byte().numpy()
    within = np.full_like(pixels, grey)
    shrunk = framed(0.125)(pixels, np.random.default_rng(0))[:, 12:-12, 12:-12]
    within[:, 12:-12, 12:-12] = shrunk
    found = trimmed(torch.from_numpy(within).float())
    inside = (slice(None), slice(8, -8), slice(8, -8))
    assert (found - images)[inside].abs().mean() < 4
    assert (torch.from_numpy(within).float() - images)[inside].abs().mean() > 15


def test_a_border_is_cut_off(images: Tensor) -> None:
    pixels = images.byte().numpy()
    painted = bordered(0.125, 255)(pixels, np.random.default_rng(0))
    found = trimmed(torch.from_numpy(painted).float())
    middle = F.interpolate(images[:, None, 12:-12, 12:-12], 96, mode="bilinear").squeeze(1)
    inside = (slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(found[inside], middle[inside], atol=1e-2, rtol=0)


def test_margins_of_unequal_width_are_all_removed(images: Tensor) -> None:
    moved = torch.zeros_like(images)
    moved[:, 12:, 16:] = images[:, 12:, 16:]
    found = trimmed(moved)
    assert (found[:, 0].std(1) > 4).all()
    assert (found[:, :, 0].std(1) > 4).all()


def test_a_half_that_is_blank_is_a_part_of_the_image_and_stays(images: Tensor) -> None:
    hidden = images.clone()
    hidden[:, :, :48] = 0
    assert torch.equal(trimmed(hidden), hidden)


def test_a_blank_image_stays_blank() -> None:
    blank = torch.full((2, 64, 64), 7.0)
    assert torch.equal(trimmed(blank), blank)


def test_images_are_trimmed_one_by_one(images: Tensor) -> None:
    framed_one = images.clone()
    framed_one[3] = F.pad(images[3, 8:-8, 8:-8], [8] * 4)
    assert torch.equal(trimmed(framed_one)[:3], images[:3])
    torch.testing.assert_close(trimmed(framed_one)[3:4], trimmed(framed_one[3:4]))
