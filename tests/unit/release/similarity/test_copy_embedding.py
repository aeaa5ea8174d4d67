from __future__ import annotations

import json

import numpy as np
import pytest

from release.cancellation import cancellable
from release.data import LabelledImages, Splits
from release.similarity.copy_embedding import CopyMetric, train_copy_metric
from release.similarity.copy_training import Recipe
from release.similarity.metric import LearnedFrom

TINY = Recipe(widths=(8, 8), num_features=8, num_views=96, batch_size=8, num_alike=2)


def images(n: int, seed: int) -> LabelledImages:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 8, 8), np.uint8)
    pixels = coarse.repeat(8, 1).repeat(8, 2)
    return LabelledImages(pixels, np.zeros(n, np.int64), 100 * seed + np.arange(n) // 2)


@pytest.fixture(scope="module")
def splits() -> Splits:
    return Splits(
        ("a",), images(16, 0), np.zeros(16, np.bool_), images(8, 1), images(4, 2), "f" * 64
    )


@pytest.fixture(scope="module")
def metric(splits) -> CopyMetric:
    return train_copy_metric(splits, recipe=TINY)


def test_equal_images_and_seeds_learn_equal_weights(splits, metric) -> None:
    assert train_copy_metric(splits, recipe=TINY).digest == metric.digest
    assert train_copy_metric(splits, recipe=TINY, seed=1).digest != metric.digest


def test_which_image_is_in_which_split_has_no_part_in_the_weights(splits, metric) -> None:
    swapped = Splits(
        splits.classes, splits.holdout, np.zeros(8, np.bool_), splits.train, splits.test, "e" * 64
    )
    other = train_copy_metric(swapped, recipe=TINY)
    assert other.digest == metric.digest
    assert other.learned_from == LearnedFrom(8, 16, 0, "e" * 64)
    metric.learned_from.check(splits)


def test_a_metric_that_was_saved_says_the_same(splits, metric, tmp_path) -> None:
    metric.save(tmp_path)
    loaded = CopyMetric.load(tmp_path)
    assert loaded.digest == metric.digest
    assert loaded.learned_from == metric.learned_from
    pixels = splits.test.pixels
    assert np.array_equal(loaded.embed(pixels).vectors, metric.embed(pixels).vectors)


def test_weights_that_are_not_those_described_are_refused(metric, tmp_path) -> None:
    metric.save(tmp_path)
    about = json.loads((tmp_path / "copy.json").read_text())
    (tmp_path / "copy.json").write_text(json.dumps({**about, "digest": "0" * 64}))
    with pytest.raises(ValueError, match="not those described"):
        CopyMetric.load(tmp_path)
    (tmp_path / "copy.json").write_text(json.dumps({**about, "version": "copy/0"}))
    with pytest.raises(ValueError, match="Train it anew"):
        CopyMetric.load(tmp_path)


def test_an_image_finds_itself_and_flat_images_do_no_harm(splits, metric) -> None:
    pixels = splits.train.pixels.copy()
    pixels[3] = 0
    embedded = metric.embed(pixels)
    found = metric.nearest(embedded, embedded, 1)
    assert np.isfinite(found.distances).all()
    assert found.distances.max() < 1e-5


def test_training_reports_its_progress_and_can_be_stopped(splits) -> None:
    class Stopped(Exception):
        pass

    seen = []

    def check() -> None:
        if len(seen) == 2:
            raise Stopped

    with pytest.raises(Stopped), cancellable(check):
        train_copy_metric(splits, recipe=TINY, on_progress=seen.append)
    assert seen == pytest.approx([1 / 6, 2 / 6])
