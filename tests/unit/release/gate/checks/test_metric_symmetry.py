from __future__ import annotations

import numpy as np

from release.gate.checks.metric_symmetry import judge
from release.gate.policy import Policy

MEMBER = np.arange(1000) < 800


def test_densities_that_differ_by_a_tenth_are_noticed_on_either_side() -> None:
    rng = np.random.default_rng(0)
    around = rng.normal(1, 0.2, 1000)
    for factor in (0.9, 1.1):
        finding = judge({"copy": np.where(MEMBER, factor, 1) * around}, MEMBER, Policy())
        assert (finding.decision, finding.code) == ("inconclusive", "embedding")


def test_metrics_that_treat_all_alike_pass() -> None:
    rng = np.random.default_rng(1)
    found = [
        judge({"a": rng.random(1000), "b": rng.random(1000)}, MEMBER, Policy()).decision
        for _ in range(100)
    ]
    assert found.count("passed") >= 98
