from __future__ import annotations

from dataclasses import replace

import pytest

from release.gate.policy import Policy


def test_equal_policies_have_equal_digests_and_others_do_not() -> None:
    assert Policy().digest == Policy().digest
    assert Policy().digest != replace(Policy(), max_advantage=0.1).digest


@pytest.mark.parametrize(
    "wrong", [{"alpha": 0.0}, {"alpha": 1.0}, {"num_density_neighbours": 0}, {"rounds": -1}]
)
def test_a_policy_that_means_nothing_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"expected|needs"):
        Policy(**wrong)
