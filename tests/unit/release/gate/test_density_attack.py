from __future__ import annotations

import numpy as np
import pytest

from release.gate.density_attack import (
    MIN_IMAGES,
    Candidates,
    Thumbnails,
    density_scores,
    thumbnails,
)
from release.stats.fisher import members_by_rank
from release.stats.permutation import smallest_p_values
from release.stats.roc import auc

RNG = np.random.default_rng(0)
SPREAD = RNG.normal(size=(60, 60)) * 1.5
MEMBER = np.arange(700) < 560
LABELS = RNG.integers(0, 2, 700)


def images(num: int, rng: np.random.Generator) -> np.ndarray:
    """Fresh images: one Gaussian over 60 pixels, 2 classes apart."""
    return rng.normal(size=(num, 60)) @ SPREAD


def grey(values: np.ndarray) -> Thumbnails:
    return np.clip(np.rint(128 + values), 0, 255).astype(np.uint8)


REAL = images(700, RNG)
CANDIDATES = Candidates(grey(REAL), LABELS)


def by_clusters(num: int) -> Thumbnails:
    """Draw images from Gaussians of 20 training images each, shrunk a little."""
    parts = []
    for k in range(28):
        own = REAL[20 * k : 20 * k + 20]
        covariance = 0.9 * np.cov(own.T) + 0.1 * np.cov(REAL[MEMBER].T)
        parts.append(RNG.multivariate_normal(own.mean(0), covariance, num // 28))
    return grey(np.concatenate(parts))


def p_value(of_set: Thumbnails, candidates: Candidates = CANDIDATES) -> float:
    scores = list(density_scores(of_set, candidates).values())
    return smallest_p_values(scores, MEMBER, candidates.labels, (0.01, 0.05))[0]


def test_small_images_are_mean_grey_levels_of_blocks() -> None:
    pixels = RNG.integers(0, 256, (3, 64, 64), np.uint8)
    blocks = pixels.reshape(3, 32, 2, 32, 2).mean((2, 4))
    assert thumbnails(pixels).reshape(3, 32, 32) == pytest.approx(blocks, abs=0.5)
    assert np.array_equal(thumbnails(pixels[:, :4, :4]), pixels[:, :4, :4].reshape(3, -1))


def test_a_set_drawn_from_gaussians_of_few_training_images_leaks_membership() -> None:
    of_set = by_clusters(2800)
    assert p_value(of_set) < 0.001
    calibrated = density_scores(of_set, CANDIDATES)["clusters, calibrated"]
    assert auc(members_by_rank(calibrated, MEMBER)) > 0.7


def test_calibration_finds_the_statistics_of_one_gaussian_that_the_set_alone_does_not() -> None:
    """60 x 61 / 2 statistics of 560 images, drawn from without end."""
    trained = REAL[MEMBER]
    drawn = RNG.multivariate_normal(trained.mean(0), np.cov(trained.T), 4000)
    scores = density_scores(grey(drawn), CANDIDATES)
    areas = {name: auc(members_by_rank(values, MEMBER)) for name, values in scores.items()}
    assert areas["60 components, calibrated"] > max(0.7, areas["60 components, alone"] + 0.1)


def test_fresh_images_leak_nothing() -> None:
    p_values = [p_value(grey(images(500, np.random.default_rng(seed)))) for seed in range(6)]
    assert min(p_values) > 0.001
    assert max(p_values) > 0.3


def test_the_order_of_images_and_of_candidates_does_not_matter() -> None:
    of_set, order = by_clusters(1400), RNG.permutation(700)
    scores = density_scores(of_set, CANDIDATES)
    shuffled = Candidates(CANDIDATES.thumbnails[order], LABELS[order])
    again = density_scores(of_set[RNG.permutation(len(of_set))], shuffled)
    for name, values in scores.items():
        ranked = np.corrcoef(values[order], again[name])[0, 1]
        assert ranked == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("num", [1, MIN_IMAGES - 1])
def test_few_images_have_no_density(num: int) -> None:
    assert density_scores(grey(images(num, RNG)), CANDIDATES) == {}


@pytest.mark.parametrize("value", [0, 255])
def test_a_set_of_one_image_many_times_over_gives_finite_scores(value: int) -> None:
    of_set = np.full((200, 60), value, np.uint8)
    assert all(np.isfinite(each).all() for each in density_scores(of_set, CANDIDATES).values())
