"""The smallest p-value is corrected for how many there were."""

import numpy as np

from release.stats.bonferroni import bonferroni


def test_honest_tests_refuse_no_more_often_together_than_one_would() -> None:
    p_values = np.random.default_rng(0).uniform(size=(4000, 7))
    refused = np.mean([bonferroni(each) < 0.05 for each in p_values])
    assert 0.035 < refused < 0.055  # 1 - (1 - 0.05 / 7)^7 is 0.049


def test_it_is_a_probability_whatever_it_is_given() -> None:
    assert bonferroni([0.4, 0.9]) == 0.8
    assert bonferroni([0.4, 0.9], 2) == 1.0
    assert bonferroni([]) == 1.0
