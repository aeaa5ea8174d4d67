from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from radiographs.duplicates.descriptor import SIDE, describe
from radiographs.duplicates.groups import Groups
from radiographs.duplicates.near_duplicates import COPY_AGREEMENT, near_duplicates
from radiographs.phantom import FINDINGS, draw

NUM_IMAGES = 60


@pytest.fixture(scope="module")
def originals():
    """Phantoms of other patients each, and none like another."""
    return [draw(FINDINGS[k % 4], seed=3, index=k, size=128).pixels for k in range(NUM_IMAGES)]


def pairs_among(images, num_asked=None):
    descriptors = np.stack([describe(image) for image in images])
    steps = list(near_duplicates(descriptors, num_asked))
    assert steps[-1].num_seen == (len(images) if num_asked is None else num_asked)
    return {tuple(pair) for found in steps for pair in found.pairs.tolist()}


def grey(image):
    return np.asarray(image).clip(0, 255).round().astype(np.uint8)


def resized(pixels, height, width):
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC)
    return grey(image)


def cropped(pixels, top, bottom, left, right):
    return resized(pixels[top : 128 - bottom, left : 128 - right], 128, 128)


def framed(pixels, width, value):
    inner = resized(pixels, 128 - 2 * width, 128 - 2 * width)
    return np.pad(inner, width, constant_values=value)


def marked(pixels):
    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    pen.rectangle([3, 3, 60, 24], fill=0)
    pen.text((5, 6), "PORTABLE", fill=255)
    pen.rectangle([112, 50, 122, 66], fill=255)
    return grey(image)


def as_jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=30)
    return grey(Image.open(file))


def equalised_by_parts(pixels):
    """Equalise each of 4 x 4 parts, with half of it left as it was."""
    parts = pixels.reshape(4, 32, 4, 32).transpose(0, 2, 1, 3).reshape(16, -1)
    ranks = parts.argsort(axis=1).argsort(axis=1) * 255 / 1023
    whole = ranks.reshape(4, 4, 32, 32).transpose(0, 2, 1, 3).reshape(128, 128)
    return grey(0.5 * whole + 0.5 * pixels)


CHANGES = {
    "noise": lambda x: grey(x + np.random.default_rng(0).normal(0, 8, x.shape)),
    "low contrast": lambda x: grey(x * 0.5 + 60),
    "gamma 0.5": lambda x: grey(255 * (x / 255) ** 0.5),
    "gamma 2": lambda x: grey(255 * (x / 255) ** 2),
    "inverted": lambda x: 255 - x,
    "equalised by parts": equalised_by_parts,
    "shifted": lambda x: np.pad(x, 8, mode="edge")[:128, 2:130],
    "cropped by 5 %": lambda x: cropped(x, 3, 3, 3, 3),
    "cropped by 15 %": lambda x: cropped(x, 10, 10, 10, 10),
    "cut at the bottom": lambda x: cropped(x, 0, 18, 0, 0),
    "cut at one side": lambda x: cropped(x, 0, 0, 16, 0),
    "in a black frame": lambda x: framed(x, 10, 0),
    "in a white frame": lambda x: framed(x, 5, 255),
    "border painted over": lambda x: np.pad(x[6:-6, 6:-6], 6),
    "text and marker": marked,
    "jpeg": as_jpeg,
    "another aspect": lambda x: resized(x, 100, 128),
    "padded to a wide image": lambda x: np.pad(x, ((0, 0), (30, 30))),
    "half the size": lambda x: resized(x, 64, 64),
    "16 bits": lambda x: x.astype(np.uint16) * 16,
    "turned in a larger canvas": lambda x: grey(
        Image.fromarray(x).rotate(-3, Image.Resampling.BICUBIC, expand=True)
    ),
    "at 84 % in a frame": lambda x: framed(x, 10, 255),
    "equalised": lambda x: grey(ImageOps.equalize(Image.fromarray(x))),
    "mirrored": lambda x: x[:, ::-1],
    "mirrored and cropped": lambda x: cropped(x[:, ::-1], 2, 5, 6, 0),
    "mirrored, turned and marked": lambda x: marked(
        grey(Image.fromarray(x[:, ::-1]).rotate(3, Image.Resampling.BICUBIC))
    ),
    "inverted and marked": lambda x: marked(255 - x),
    "inverted and mirrored": lambda x: 255 - x[:, ::-1],
    "turned by 3 degrees": lambda x: grey(Image.fromarray(x).rotate(3, Image.Resampling.BICUBIC)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_is_found(originals, change):
    copies = [change(image) for image in originals[:20]]
    found = pairs_among([*copies, *originals], num_asked=20)
    assert sum((k, 20 + k) in found for k in range(20)) >= 19


def test_different_patients_are_hardly_ever_taken_for_one(originals):
    assert len(pairs_among(originals)) <= 1


def test_the_pairs_depend_neither_on_the_order_of_the_images_nor_on_who_is_asked_about(originals):
    changes = [CHANGES[kind] for kind in ("mirrored and cropped", "text and marker", "noise")]
    images = [*originals[:30], *(changes[k % 3](image) for k, image in enumerate(originals[:30]))]
    expected = pairs_among(images)
    order = np.random.default_rng(4).permutation(60)
    found = pairs_among([images[k] for k in order])
    assert {tuple(sorted((order[a], order[b]))) for a, b in found} == expected
    swapped = pairs_among([*images[30:], *images[:30]], num_asked=30)
    assert {(second - 30, first + 30) for first, second in swapped} == expected


def test_copies_agree_beyond_what_second_radiographs_do(originals):
    for kind in ("jpeg", "text and marker", "mirrored", "in a black frame", "cropped by 5 %"):
        images = [*originals[:10], *(CHANGES[kind](image) for image in originals[:10])]
        steps = list(near_duplicates(np.stack([describe(image) for image in images])))
        agreement = np.concatenate([found.agreement for found in steps])
        assert (agreement > COPY_AGREEMENT).sum() >= 9


@pytest.mark.parametrize("num_images", [0, 1])
def test_without_a_second_image_there_is_no_pair(originals, num_images):
    descriptors = np.stack([describe(image) for image in originals[:1]])[:num_images]
    assert sum(len(found.pairs) for found in near_duplicates(descriptors)) == 0


def test_images_without_content_are_like_nothing():
    flat = np.full((64, 64), 9, np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (2, 64, 64), dtype=np.uint8)
    assert pairs_among([flat, flat, *noise]) == set()


def test_only_the_first_images_are_asked_about(originals):
    copies = [as_jpeg(image) for image in originals[:6]]
    found = pairs_among([*originals[:3], *copies, *copies[4:]], num_asked=3)
    assert found == {(0, 3), (1, 4), (2, 5)}


def test_pairs_are_found_across_the_blocks_of_a_large_set(originals, monkeypatch):
    monkeypatch.setattr("radiographs.duplicates.shortlist._ROWS_AT_ONCE", 7)
    monkeypatch.setattr("radiographs.duplicates.shortlist._COLUMNS_AT_ONCE", 13)
    images = [*originals[:30], *(framed(image, 6, 0) for image in originals[:30])]
    assert {(k, 30 + k) for k in range(30)} <= pairs_among(images)


def test_many_copies_of_one_image_are_joined(originals):
    rng = np.random.default_rng(1)
    copies = [grey(originals[0] + rng.normal(0, 4, (128, 128))) for _ in range(40)]
    groups = Groups(40)
    for first, second in pairs_among(copies):
        groups.join(first, second)
    assert len(set(groups.numbers())) == 1


def test_a_descriptor_is_the_same_in_a_frame_and_at_another_depth(originals):
    assert describe(originals[0]).shape == (SIDE, SIDE)
    expected = describe(originals[0])
    for same in (np.pad(originals[0], 20), originals[0].astype(np.uint16) * 257):
        assert abs(describe(same).astype(int) - expected).max() <= 1


def test_what_is_joined_in_a_chain_is_one_group():
    groups = Groups(6)
    groups.join(4, 5)
    groups.join(1, 4)
    assert groups.numbers().tolist() == [0, 1, 2, 3, 1, 1]


def test_equal_keys_join_and_missing_keys_do_not():
    groups = Groups(6)
    assert groups.join_equal(["a", None, "b", "a", None, "a"]) == 2
    assert groups.numbers().tolist() == [0, 1, 2, 0, 3, 0]
