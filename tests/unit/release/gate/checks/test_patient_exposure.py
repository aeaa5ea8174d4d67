from __future__ import annotations

import numpy as np

from release.gate.checks.patient_exposure import judge
from release.gate.policy import Policy


def test_only_the_owner_learns_how_many_patients_are_over_represented() -> None:
    finding = judge(np.array([True, False]), 1, Policy())
    assert finding.statistic == 1
    assert "num_patients" in finding.private
    assert "num_patients" not in finding.public
