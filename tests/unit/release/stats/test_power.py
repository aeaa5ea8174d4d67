from __future__ import annotations

from release.gate.policy import Policy
from release.stats.power import detectable_share

LEVEL, RATES = Policy().alpha, Policy().false_positive_rates


def test_nothing_is_sure_to_be_detected_among_a_handful() -> None:
    assert detectable_share(3, 3, 1, LEVEL, RATES) == 1.0


def test_more_scores_need_more_memorised_patients() -> None:
    shares = [detectable_share(800, 800, num_scores, LEVEL, RATES) for num_scores in (1, 4, 16)]
    assert shares == sorted(shares)
    assert shares[0] < shares[2]
