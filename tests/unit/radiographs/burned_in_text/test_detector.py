"""Text that is burnt into images is found, markers are left alone, and what is masked is gone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from radiographs.burned_in_text.detector import TextBox, find_text
from radiographs.burned_in_text.masking import mask
from radiographs.phantom import FINDINGS, draw

NAMES = ("DOE^JANE", "Müller, K.", "12/05/1948", "MRN 00731955", "19:41:33")


def chest(index: int = 0, size: int = 256) -> Image.Image:
    label = FINDINGS[index % len(FINDINGS)]
    return Image.fromarray(draw(label, seed=21, index=index, size=size).pixels)


def written(
    image: Image.Image,
    text: str,
    at: tuple[int, int],
    size: float,
    grey: int,
    box: int | None = None,
):
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size)
    if box is not None:
        left, top, right, bottom = pen.textbbox(at, text, font=font)
        pen.rectangle([left - 3, top - 3, right + 3, bottom + 3], fill=box)
    pen.text(at, text, fill=grey, font=font)
    return np.asarray(image)


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize("size", [10, 14, 24])
@pytest.mark.parametrize(("grey", "box"), [(255, None), (255, 0), (0, 255)])
def test_a_name_a_date_or_a_number_is_found_where_it_is(text, size, grey, box):
    pixels = written(chest(3), text, (70, 6), size, grey, box)
    found = find_text(pixels)
    assert len(found) >= 1
    assert any(each.top <= 10 and each.bottom >= 6 + size // 2 for each in found)
    assert any(each.left <= 80 and each.right >= 80 for each in found)


@pytest.mark.parametrize("index", range(24))
def test_a_chest_without_text_has_none(index):
    assert find_text(np.asarray(chest(index, (64, 128, 256)[index % 3]))) == []


@pytest.mark.parametrize("marker", ["L", "R", "D"])
@pytest.mark.parametrize("size", [9, 16, 30])
def test_a_marker_of_one_letter_is_no_text(marker, size):
    assert find_text(written(chest(1), marker, (200, 20), size, 255)) == []


@pytest.mark.parametrize("corner", [(0, -2), (150, -2), (0, 240), (150, 240)])
def test_text_at_the_edge_of_an_image_is_found(corner):
    assert find_text(written(chest(2), "PORTABLE 12:30", corner, 12, 255))


def test_text_in_16_bits_of_which_few_are_used_is_found():
    pixels = written(chest(4), "DOE, JOHN 1948", (60, 8), 14, 255).astype(np.uint16)
    assert find_text(pixels * 8)
    assert find_text(pixels * 8 + 20_000)


def test_text_in_an_image_of_few_grey_levels_is_found():
    assert find_text(written(chest(4), "DOE, JOHN 1948", (60, 8), 14, 255) // 8)


def test_text_in_a_large_image_is_found_at_its_place():
    pixels = written(chest(5, 256).resize((2560, 2560)), "DOE^JANE 1948", (1400, 90), 60, 255)
    (found,) = find_text(pixels)
    assert found.left <= 1410
    assert found.right >= 1800
    assert 50 <= found.bottom - found.top <= 320


@pytest.mark.parametrize("shape", [(32, 32), (47, 400), (48, 48), (33, 2000), (3000, 40)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_of_any_shape_can_be_looked_at(shape, dtype):
    noise = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    for pixels in (noise, np.zeros(shape, dtype), np.full(shape, 255, dtype)):
        assert all(
            0 <= box.top < box.bottom <= shape[0] and 0 <= box.left < box.right <= shape[1]
            for box in find_text(pixels)
        )


def test_the_same_image_gives_the_same_boxes_and_none_overlap():
    pixels = written(chest(6), "DOE^JANE", (20, 20), 14, 255)
    pixels = written(Image.fromarray(pixels), "1948-05-12", (140, 200), 14, 255)
    boxes = find_text(pixels)
    assert boxes == find_text(pixels)
    covered = np.zeros(pixels.shape, int)
    for box in boxes:
        covered[box.top : box.bottom, box.left : box.right] += 1
    assert covered.max() == 1


@pytest.mark.parametrize("text", NAMES)
@pytest.mark.parametrize("size", [10, 16, 30])
def test_masked_text_is_not_found_again_and_the_rest_of_the_image_stays(text, size):
    pixels = written(chest(7), text, (30, 40), size, 255)
    boxes = find_text(pixels)
    masked = mask(pixels, boxes)
    assert find_text(masked) == []
    outside = np.ones(pixels.shape, bool)
    for box in boxes:
        outside[box.top : box.bottom, box.left : box.right] = False
    assert np.array_equal(masked[outside], pixels[outside])


@pytest.mark.parametrize(
    "box",
    [
        TextBox(0, 0, 5, 9, 1),
        TextBox(11, 11, 16, 16, 1),
        TextBox(0, 3, 16, 9, 1),
        TextBox(4, 4, 8, 8, 1),
    ],
)
def test_nothing_of_a_masked_box_is_left(box):
    rng = np.random.default_rng(1)
    one, other = (rng.integers(0, 255, (16, 16)).astype(np.uint16) for _ in range(2))
    inside = np.zeros((16, 16), bool)
    inside[box.top : box.bottom, box.left : box.right] = True
    other[~inside] = one[~inside]
    assert np.array_equal(mask(one, [box]), mask(other, [box]))


def test_a_box_that_is_the_whole_image_leaves_one_grey():
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert len(np.unique(mask(pixels, [TextBox(0, 0, 16, 16, 1)]))) == 1
