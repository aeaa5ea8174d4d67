from __future__ import annotations

import numpy as np
import pytest

from radiographs.phantom import FINDINGS, draw


@pytest.mark.parametrize("label", FINDINGS)
def test_the_same_seed_and_index_draw_the_same_image(label):
    first, second = (draw(label, seed=4, index=7, size=64) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.mask, second.mask)
    assert first.anatomy == second.anatomy


def test_another_seed_or_index_draws_another_image():
    images = [draw("normal", seed=s, index=k, size=64).pixels for s in range(3) for k in range(3)]
    assert len({image.tobytes() for image in images}) == 9


@pytest.mark.parametrize("label", FINDINGS)
@pytest.mark.parametrize("size", [64, 128, 256])
def test_an_image_is_grey_pixels_with_a_full_range(label, size):
    for index in range(8):
        pixels = draw(label, seed=0, index=index, size=size).pixels
        assert pixels.shape == (size, size)
        assert pixels.dtype == np.uint8
        assert pixels.std() > 25
        assert (pixels == 255).mean() < 0.35


def test_lungs_are_darker_than_the_heart_and_the_abdomen():
    for index in range(30):
        image = draw("normal", seed=1, index=index, size=128).pixels.astype(float)
        lungs = (image[50:70, 28:42].mean() + image[50:70, 88:100].mean()) / 2
        heart, abdomen = image[75:85, 64:76].mean(), image[115:125, 40:88].mean()
        assert lungs + 20 < heart
        assert lungs + 20 < abdomen


def test_health_has_no_mask_and_no_side():
    image = draw("normal", seed=0, index=0, size=64)
    assert (image.mask.any(), image.severity, image.side) == (False, 0.0, None)


def test_an_enlarged_heart_measures_what_the_truth_says():
    for index in range(20):
        image = draw("cardiomegaly", seed=2, index=index, size=256)
        columns = np.flatnonzero(image.mask.any(axis=0))
        width = (columns[-1] - columns[0]) / 128
        zoom = width / (2 * image.anatomy.cardiothoracic_ratio * image.anatomy.chest_half_width)
        assert 0.85 < zoom < 1.15  # the image's own magnification
        assert image.anatomy.cardiothoracic_ratio >= 0.55


def test_an_ordinary_heart_is_at_most_half_the_chest():
    for label in ("normal", "lobar_opacity", "effusion"):
        for index in range(20):
            assert draw(label, seed=2, index=index, size=64).anatomy.cardiothoracic_ratio <= 0.5


@pytest.mark.parametrize("label", ["lobar_opacity", "effusion"])
def test_a_finding_lies_on_the_side_given_and_is_brighter_than_the_other(label):
    brighter = []
    for index in range(40):
        image = draw(label, seed=3, index=index, size=128)
        columns = np.nonzero(image.mask)[1]
        assert len(columns) > 30
        assert (np.median(columns) > 64) == (image.side == "left")  # as the viewer sees it
        pixels = image.pixels.astype(float)
        brighter.append(pixels[image.mask].mean() - pixels[:, ::-1][image.mask].mean())
    assert np.mean(np.array(brighter) > 0) > 0.8


def test_fluid_lies_at_the_bottom_and_opacities_do_not_always():
    def height(label, index):
        image = draw(label, seed=5, index=index, size=64)
        return np.nonzero(image.mask)[0].mean() / 64

    fluid = [height("effusion", index) for index in range(30)]
    cloud = [height("lobar_opacity", index) for index in range(30)]
    assert min(fluid) > 0.5
    assert min(cloud) < 0.45


def test_severity_varies_over_its_whole_range():
    for label in FINDINGS[1:]:
        severities = [draw(label, seed=6, index=k, size=64).severity for k in range(60)]
        assert min(severities) < 0.2
        assert max(severities) > 0.8
        assert 0 <= min(severities) <= max(severities) <= 1


def test_an_unknown_finding_is_refused():
    with pytest.raises(ValueError, match="lobar_opacity"):
        draw("fracture", seed=0, index=0, size=64)
