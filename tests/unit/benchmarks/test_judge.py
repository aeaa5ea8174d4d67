from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evaluation.judge import ALL, Judge, Row
from benchmarks.evaluation.real_images import RealImages
from release.features.classifier import ImageClassifier


@pytest.fixture(scope="module")
def judge(images: RealImages, classifier: ImageClassifier) -> Judge:
    return Judge(images, classifier)


@pytest.fixture(scope="module")
def controls(judge: Judge) -> dict[tuple[str, str], Row]:
    return {(row.images, row.label): row for row in judge.controls(30)}


def test_real_images_lie_at_the_floor_and_the_rest_at_the_ceiling(
    controls: dict[tuple[str, str], Row],
) -> None:
    for label in ("left", "right", ALL):
        floor = controls["real, training", label].kid
        assert floor.low < 0.1
        for ceiling in ("class-mean image", "pixel noise"):
            assert controls[ceiling, label].kid.low > floor.high


def test_training_images_are_called_copies_and_held_out_images_are_not(
    controls: dict[tuple[str, str], Row],
) -> None:
    assert controls["real, training", ALL].nearer_than_ever == 1
    assert controls["real, held out", ALL].nearer_than_ever == 0
    assert controls["real, held out", ALL].near.value <= 0.03


def test_images_under_the_wrong_label_do_not_agree(images: RealImages, judge: Judge) -> None:
    images_held = images.held_out
    right = {row.label: row for row in judge.synthetic("x", images_held.pixels, images_held.labels)}
    wrong = {
        row.label: row for row in judge.synthetic("x", images_held.pixels, 1 - images_held.labels)
    }
    assert right[ALL].agreement.low > 0.8
    assert wrong[ALL].agreement.high < 0.2
    assert wrong["left"].kid.low > right["left"].kid.high


def test_the_same_images_are_judged_the_same_again(images: RealImages, judge: Judge) -> None:
    held = images.held_out
    assert judge.synthetic("x", held.pixels, held.labels) == judge.synthetic(
        "x", held.pixels, held.labels
    )


def test_every_class_weighs_the_same_in_the_last_row(images: RealImages, judge: Judge) -> None:
    """Of the larger class only as many images are drawn as the smaller one has."""
    held = images.held_out
    chosen = np.r_[0:40, 40:60]
    rows = judge.synthetic("x", held.pixels[chosen], held.labels[chosen])
    assert [(row.label, row.num_images) for row in rows] == [("left", 40), ("right", 20), (ALL, 40)]


def test_a_class_with_too_few_held_out_images_is_refused_by_name(
    images: RealImages, classifier: ImageClassifier
) -> None:
    few = images.held_out.where(np.r_[0:40, 40:43])
    with pytest.raises(ValueError, match="right has 3 independent held-out images"):
        Judge(replace(images, held_out=few), classifier)
