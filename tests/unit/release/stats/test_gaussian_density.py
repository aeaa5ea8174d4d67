from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from release.stats.gaussian_density import clusters, log_density, log_density_of_others

RNG = np.random.default_rng(0)
TWO_HEAPS = RNG.normal(size=(120, 4)) @ RNG.normal(size=(4, 4)) + 8 * np.repeat([0, 1], 60)[:, None]


def differences(values: np.ndarray) -> np.ndarray:
    """What is left of log densities that are known up to a constant."""
    return values - values.mean()


def test_one_cluster_is_a_gaussian_with_the_covariance_of_the_points() -> None:
    points = TWO_HEAPS[:60]
    asked = RNG.normal(size=(9, 4))
    law = multivariate_normal(points.mean(0), np.cov(points.T, bias=True))
    found = log_density(asked, points, clusters(points, 1))
    assert differences(found) == pytest.approx(differences(law.logpdf(asked)), abs=1e-3)


def test_leaving_a_point_out_is_fitting_the_others() -> None:
    """Up to the shrinkage, whose target is fitted to all."""
    points = RNG.normal(size=(400, 3))
    expected = []
    for k in range(5):
        rest = np.delete(points, k, axis=0)
        scatter = (len(rest)) * np.cov(rest.T, bias=True) + np.cov(points.T, bias=True)
        law = multivariate_normal(rest.mean(0), scatter / len(points))
        expected.append(law.logpdf(points[k]))
    found = log_density_of_others(points, clusters(points, 1))[:5, -1]
    assert differences(found) == pytest.approx(differences(np.array(expected)), abs=1e-4)


def test_column_k_is_by_the_first_k_coordinates_alone() -> None:
    every = log_density_of_others(TWO_HEAPS, clusters(TWO_HEAPS, 1))
    for k in (1, 3):
        alone = log_density_of_others(TWO_HEAPS[:, :k], clusters(TWO_HEAPS, 1))[:, -1]
        assert differences(every[:, k - 1]) == pytest.approx(differences(alone), abs=1e-3)


def test_clusters_far_apart_are_separated_whatever_the_order() -> None:
    labels = clusters(TWO_HEAPS, 2)
    assert len(set(labels[:60])) == len(set(labels[60:])) == 1
    assert labels[0] != labels[-1]
    order = RNG.permutation(len(TWO_HEAPS))
    assert np.array_equal(clusters(TWO_HEAPS[order], 2), labels[order])


def test_a_point_is_less_likely_under_the_others_than_under_all() -> None:
    labels = clusters(TWO_HEAPS, 2)
    of_all = log_density(TWO_HEAPS, TWO_HEAPS, labels)
    assert (log_density_of_others(TWO_HEAPS, labels)[:, 0] < of_all).mean() > 0.9
