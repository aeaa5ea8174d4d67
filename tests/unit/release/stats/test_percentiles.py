import numpy as np
import pytest
from scipy.stats import percentileofscore

from release.stats.percentiles import percentiles


def test_percentiles_are_mid_ranks():
    rng = np.random.default_rng(0)
    among = rng.integers(0, 20, 50).astype(float)
    values = np.arange(-1.0, 21.0, 0.5)
    expected = [percentileofscore(among, value, "mean") for value in values]
    np.testing.assert_allclose(percentiles(values, among), expected)


@pytest.mark.parametrize(("value", "percentile"), [(-1, 0), (1, 50), (3, 100)])
def test_a_value_beyond_all_others_is_at_the_end(value, percentile):
    assert percentiles(np.array([value]), np.array([0.0, 1.0, 2.0])) == percentile
