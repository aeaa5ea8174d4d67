"""Near-duplicates: made anew by their seed, and changed in what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision.transforms.v2.functional as tv
from torchvision.transforms import InterpolationMode

from release.gate.control_transforms import CONTROL_TRANSFORMS, ControlTransform
from release.gate.transforms import geometric, overlay, tonal

BY_NAME = {control.name: control for control in CONTROL_TRANSFORMS}


@pytest.fixture
def images() -> np.ndarray:
    coarse = torch.randn(6, 1, 10, 10, generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(coarse, 64, mode="bicubic").squeeze(1)
    return (128 + 30 * smooth).clamp(0, 255).byte().numpy()


@pytest.mark.parametrize("control", CONTROL_TRANSFORMS, ids=lambda control: control.name)
def test_the_same_seed_plants_the_same_images(control: ControlTransform, images) -> None:
    planted = control.apply(images, seed=3)
    assert planted.shape == images.shape
    assert planted.dtype == np.uint8
    assert np.array_equal(planted, control.apply(images, seed=3))
    assert np.array_equal(planted, images) == (control.name == "exact copy")
    assert control.apply(images[:0], seed=3).shape == (0, 64, 64)


def test_a_flip_mirrors(images) -> None:
    assert np.array_equal(BY_NAME["flip"].apply(images, 0)[:, :, ::-1], images)


def test_a_shift_moves_by_three_pixels_along_each_axis(images) -> None:
    shifted = BY_NAME["shift"].apply(images, 0)
    for image, moved in zip(images, shifted, strict=True):
        candidates = [image[8 + y : 56 + y, 8 + x : 56 + x] for y in (-3, 3) for x in (-3, 3)]
        errors = [np.abs(moved[8:56, 8:56] - each.astype(int)).max() for each in candidates]
        assert min(errors) <= 1


def test_a_crop_shows_nine_tenths_of_each_side(images) -> None:
    ramp = np.broadcast_to(np.linspace(0, 252, 64).astype(np.uint8), (5, 64, 64)).copy()
    cropped = BY_NAME["crop"].apply(ramp, 0).astype(float)
    slope = (cropped[:, 32, 56] - cropped[:, 32, 8]) / 48
    np.testing.assert_allclose(slope, 0.9 * 252 / 63, rtol=0.02)


def test_a_turn_leaves_the_middle_where_it_is(images) -> None:
    spot = np.zeros((4, 65, 65), np.uint8)
    spot[:, 32, 32] = 255
    turned = BY_NAME["rotation"].apply(spot, 0)
    assert (turned[:, 32, 32] >= 254).all()


def test_gamma_keeps_black_and_white_and_the_order_of_greys() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    changed = BY_NAME["gamma"].apply(ramp, 0).ravel().astype(int)
    assert (changed[0], changed[-1]) == (0, 255)
    assert (np.diff(changed) >= 0).all()


def test_noise_has_the_deviation_it_says() -> None:
    grey = np.full((4, 64, 64), 128, np.uint8)
    noise = BY_NAME["noise"].apply(grey, 0).astype(float) - 128
    assert noise.std() == pytest.approx(0.05 * 255, rel=0.05)


def signs(*shape: int) -> np.ndarray:
    """Draw what a change with seed 0 draws first: which way."""
    return np.random.default_rng(0).choice([-1.0, 1.0], shape)


def moved_by_torchvision(image: np.ndarray, padding: str, *change: object) -> np.ndarray:
    padded = tv.pad(torch.from_numpy(image)[None], [32], padding_mode=padding)
    moved = tv.affine(padded, *change, [0.0, 0.0], InterpolationMode.BILINEAR)
    return tv.center_crop(moved, [64, 64])[0].numpy()


@pytest.mark.parametrize(("padding", "black"), [("edge", False), ("constant", True)])
def test_moved_images_are_torchvision_s(padding: str, black: bool, images) -> None:
    change = geometric.moved(zoom=0.9, shift=0.1, black=black)
    ours = change(images, np.random.default_rng(0))
    places = (-6.4 * signs(6, 2)).tolist()
    for image, found, place in zip(images, ours, places, strict=True):
        assert np.array_equal(found, moved_by_torchvision(image, padding, 0.0, place, 0.9))


def test_turned_images_are_torchvision_s(images) -> None:
    ours = geometric.moved(degrees=8)(images, np.random.default_rng(0))
    for image, found, turn in zip(images, ours, (-8 * signs(6)).tolist(), strict=True):
        assert np.array_equal(found, moved_by_torchvision(image, "edge", turn, [0.0, 0.0], 1.0))


def furthest(ours, theirs) -> int:
    return int(np.abs(ours.astype(int) - theirs.numpy().astype(int)).max())


def test_resized_images_and_their_contrast_are_torchvision_s(images) -> None:
    """Torchvision resizes grey levels as they are where torch can, and else rounds real numbers."""
    rng = np.random.default_rng(0)
    differing = 0 if "AVX" in torch.backends.cpu.get_cpu_capability() else 1
    batch = torch.from_numpy(images)[:, None]
    theirs = tv.center_crop(tv.resize(batch, [75, 64]), [64, 64])[:, 0]
    assert furthest(geometric.stretched(75 / 64)(images, rng), theirs) <= differing
    theirs = tv.pad(tv.resize(batch, [52, 52]), [6])[:, 0]
    assert furthest(overlay.framed(0.1)(images, rng), theirs) <= differing
    theirs = tv.adjust_contrast(batch[0], 1 + 0.3 * signs().item())[0]
    assert np.array_equal(tonal.contrasted(0.3)(images[:1], rng)[0], theirs.numpy())


@pytest.mark.parametrize("name", ["blur", "jpeg"])
def test_what_loses_detail_keeps_the_coarse_shapes(name: str, images) -> None:
    changed = BY_NAME[name].apply(images, 0)
    before, after = (f.reshape(6, 16, 4, 16, 4).mean((2, 4)) for f in (images, changed))
    assert np.abs(before - after).max() < 12


def test_a_change_of_shape_is_refused(images) -> None:
    with pytest.raises(ValueError, match="'half' turned"):
        ControlTransform("half", lambda pixels, rng: pixels[:, ::2]).apply(images, 0)
