from __future__ import annotations

import numpy as np
import pytest

from release.fidelity.kid import Sample, kid, kid_of_halves


def drawn(rng: np.random.Generator, n: int, *, mean: float = 0.0, d: int = 1) -> Sample:
    return Sample(rng.normal(mean, 1, (n, d)), np.arange(n))


def naive_mean(a: Sample, b: Sample) -> float:
    """The definition, pair by pair."""
    total, pairs = 0.0, 0
    for x, group in zip(a.features, a.groups, strict=True):
        for y, other in zip(b.features, b.groups, strict=True):
            if a is b and group == other:
                continue
            total += (float(x @ y) / len(x) + 1) ** 3
            pairs += 1
    return total / pairs


def test_kid_is_the_double_loop_over_pairs() -> None:
    rng = np.random.default_rng(0)
    x = Sample(rng.normal(size=(9, 4)), np.arange(9))
    y = Sample(rng.normal(1, 1, size=(7, 4)), np.arange(7))
    expected = naive_mean(x, x) + naive_mean(y, y) - 2 * naive_mean(x, y)
    assert kid([x], [y], rng).value == pytest.approx(expected, rel=1e-12)


def test_pairs_within_a_group_do_not_count() -> None:
    rng = np.random.default_rng(0)
    x = Sample(rng.normal(size=(6, 3)), np.array([0, 0, 1, 1, 1, 2]))
    y = Sample(rng.normal(size=(5, 3)), np.array([4, 4, 5, 6, 7]))
    expected = naive_mean(x, x) + naive_mean(y, y) - 2 * naive_mean(x, y)
    assert kid([x], [y], rng).value == pytest.approx(expected, rel=1e-12)


def test_labels_weigh_the_same_however_many_images_they_have() -> None:
    rng = np.random.default_rng(0)
    x = [drawn(rng, 5, d=2), drawn(rng, 20, d=2, mean=1)]
    y = [drawn(rng, 11, d=2), drawn(rng, 6, d=2, mean=2)]
    expected = sum(
        naive_mean(x[i], x[j]) + naive_mean(y[i], y[j]) - 2 * naive_mean(x[i], y[j])
        for i in range(2)
        for j in range(2)
    )
    assert kid(x, y, rng).value == pytest.approx(expected / 4, rel=1e-12)


def test_equal_distributions_give_zero_on_average() -> None:
    """Also when one side holds every image twice, as near duplicates do."""
    rng = np.random.default_rng(1)
    values = []
    for _ in range(300):
        x, once = drawn(rng, 20, d=3), drawn(rng, 15, d=3)
        twice = Sample(np.repeat(once.features, 2, 0), np.repeat(once.groups, 2))
        values.append(kid([x], [twice], rng).value)
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))


def test_a_shifted_gaussian_gives_the_distance_of_its_moments() -> None:
    """In one dimension MMD² is the sum of C(3, j) (E x^j - E y^j)² over j = 1, 2, 3."""
    rng = np.random.default_rng(2)
    mu = 0.5
    expected = 3 * mu**2 + 3 * (mu**2) ** 2 + (mu**3 + 3 * mu) ** 2
    values = [kid([drawn(rng, 40)], [drawn(rng, 40, mean=mu)], rng).value for _ in range(300)]
    assert abs(np.mean(values) - expected) < 4 * np.std(values) / np.sqrt(len(values))


@pytest.mark.parametrize("mean", [0.0, 0.5])
def test_the_interval_holds_the_truth_as_often_as_it_says(mean: float) -> None:
    rng = np.random.default_rng(3)
    d, n, trials = 16, 60, 200
    # x·y / d + 1 with d independent features: E (1 + s)³ for s of known moments
    truth = _gaussian_mmd2(mean, d)
    held = 0
    for _ in range(trials):
        found = kid([drawn(rng, n, d=d)], [drawn(rng, n, mean=mean, d=d)], rng)
        held += found.low <= truth <= found.high
    assert held >= 0.90 * trials


def _gaussian_mmd2(mean: float, d: int) -> float:
    """MMD² between N(0, I) and N(mean, I), from a million pairs for each expectation."""
    if mean == 0:
        return 0.0
    rng = np.random.default_rng(4)

    def expectation(left: float, right: float) -> float:
        x = rng.normal(left, 1, (400_000, d))
        y = rng.normal(right, 1, (400_000, d))
        return float(np.mean(((x * y).sum(1) / d + 1) ** 3))

    return expectation(0, 0) + expectation(mean, mean) - 2 * expectation(0, mean)


def test_random_halves_of_one_set_lie_around_zero() -> None:
    rng = np.random.default_rng(5)
    found = kid_of_halves([drawn(rng, 60, d=4), drawn(rng, 50, d=4, mean=1)], rng)
    assert found.low < 0 < found.high
    assert abs(found.value) < (found.high - found.low) / 4


def test_a_class_of_one_group_is_refused() -> None:
    rng = np.random.default_rng(6)
    alone = Sample(rng.normal(size=(5, 2)), np.zeros(5, np.int64))
    with pytest.raises(ValueError, match="2 independent images"):
        kid([alone], [drawn(rng, 5, d=2)], rng)
