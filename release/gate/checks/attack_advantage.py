"""G8: how much better than without the set can an attack be?

An attack that names an image as trained on succeeds on a share of T, and on a share of H, where the
set cannot help it. What the set adds, as a share of what could be added, is

    R = (attack - control) / (1 - control),

with the error of both shares carried over: dR/dattack = 1 / (1 - control), dR/dcontrol =
(attack - 1) / (1 - control)^2. The threshold is the j-th largest score of m others, beyond which an
honest set has j / (m + 1) of all on average: that is the control.

Reference: Giomi et al. 2023, equations 1 to 4 (arXiv:2211.10459).
"""

from __future__ import annotations

from math import hypot

import numpy as np
from numpy.typing import NDArray

from release.gate.checks.membership import Scores
from release.gate.policy import Policy
from release.gate.power import Power
from release.gate.verdict import Decision, Finding
from release.stats.fisher import above, members_by_rank
from release.stats.intervals import Estimate, share


def advantage(attack: Estimate, control: Estimate) -> Estimate:
    """Estimate what a set adds to an attack, in (-inf, 1], with its 95 % interval.

    Args:
        attack: Share of T that the attack names.
        control: Share of H that it names; below 1.
    """
    rest = 1 - control.value
    center = (attack.value - control.value) / rest
    half = hypot(_half(attack) / rest, _half(control) * (1 - attack.value) / rest**2)
    return Estimate(center, center - half, min(1.0, center + half))


def materiality(scores: Scores, member: NDArray[np.bool_], policy: Policy, power: Power) -> Finding:
    """Bound the advantage of the strongest of the attacks.

    An interval too wide to be below the bound, though there may be no advantage at all, is no
    refusal but leaves it open. Where too few patients are held out for any claim, it is none
    either: of several attacks on a few patients, one always looks good.

    Args:
        scores: By metric and attack, of one image of each patient.
        member: (patients,), who is in T.
        policy: Names the bound and the attacks' false-positive rate.
        power: What the held-out patients suffice for.
    """
    num_members = int(member.sum())
    num_others = len(member) - num_members
    advantages = {}
    for metric, attacks in scores.items():
        for attack, values in attacks.items():
            found = above(members_by_rank(values, member), policy.material_rate)
            advantages[f"{metric}/{attack}"] = advantage(
                share(found.num_members, num_members), share(1 + found.num_others, 1 + num_others)
            )
    worst = max(advantages.values(), key=lambda each: each.high)
    decision: Decision = "passed"
    code = None
    if worst.high > policy.materiality:
        decision = "refused" if worst.low > 0 and power.sees_membership else "inconclusive"
        code = "material" if power.sees_membership else "power"
    return Finding(
        id="G8",
        name="materiality",
        decision=decision,
        code=code,
        statistic=round(worst.high, 2),
        threshold=policy.materiality,
        p_value=None,
        text=f"The set adds at most {worst.high:.2f} to an attack's success, by the upper end of "
        f"its 95 % interval; policy allows {policy.materiality}.",
        private={name: each.described() for name, each in advantages.items()},
    )


def _half(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / 2
