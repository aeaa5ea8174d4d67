"""G8: how much better can an attack be with the set than without it?

An attack that names a patient as trained on succeeds on a share of the training patients, and on a
share of the holdout patients, where the set cannot help it. What the set adds, as a share of what
could be added, is

    R = (attack - control) / (1 - control),

with the error of both shares propagated: dR/dattack = 1 / (1 - control), dR/dcontrol =
(attack - 1) / (1 - control)^2. The threshold is the j-th largest score of m others, beyond which an
honest set has j / (m + 1) of all on average: that is the control.

Reference: Giomi et al. 2023, equations 1 to 4 (arXiv:2211.10459).
"""

from __future__ import annotations

from collections.abc import Mapping
from math import hypot

import numpy as np
from numpy.typing import NDArray

from release.data import Array
from release.gate.context import Check, Context
from release.gate.finding import MORE_PATIENTS, OTHER_MODEL, POWER, Finding, Reason
from release.gate.policy import Policy
from release.gate.public_result import Power
from release.gate.verdict import Decision
from release.stats.estimate import Estimate
from release.stats.fisher import above, members_by_rank
from release.stats.intervals import share

REASON = Reason(
    "material",
    "an attack's advantage is not bounded below what policy allows",
    (*OTHER_MODEL, *MORE_PATIENTS),
)


def run(context: Context) -> Finding:
    """Judge the images that are kept."""
    return judge(context.scores, context.index.images.member, context.policy, context.power)


def advantage(attack: Estimate, control: Estimate) -> Estimate:
    """Estimate what a set adds to an attack, in (-inf, 1], with its 95 % interval.

    Args:
        attack: Share of the training patients that the attack names.
        control: Share of the holdout patients that it names; below 1.
    """
    rest = 1 - control.value
    center = (attack.value - control.value) / rest
    half = hypot(_half(attack) / rest, _half(control) * (1 - attack.value) / rest**2)
    return Estimate(center, center - half, min(1.0, center + half))


def judge(
    scores: Mapping[str, Array], member: NDArray[np.bool_], policy: Policy, power: Power
) -> Finding:
    """Bound the advantage of the strongest of the attacks.

    An interval too wide to be below the bound, though there may be no advantage at all, is no
    refusal but leaves it open. Where the holdout is too small for any claim, it is none either: of
    several attacks on a few patients, one always looks good.

    Args:
        scores: By attack, of one image of each patient.
        member: (patients,), who is a training patient.
        policy: Names the bound and the attacks' false-positive rate.
        power: What the holdout patients suffice for.
    """
    num_members = int(member.sum())
    num_others = len(member) - num_members
    advantages = {}
    for attack, values in scores.items():
        found = above(members_by_rank(values, member), policy.advantage_rate)
        advantages[attack] = advantage(
            share(found.num_members, num_members), share(1 + found.num_others, 1 + num_others)
        )
    worst = max(advantages.values(), key=lambda each: each.high)
    decision: Decision = "passed"
    if worst.high > policy.max_advantage:
        decision = "refused" if worst.low > 0 and power.claims_membership else "inconclusive"
    return CHECK.finding(
        decision=decision,
        reason=REASON if power.claims_membership else POWER,
        statistic=round(worst.high, 2),
        threshold=policy.max_advantage,
        text=f"The set adds at most {worst.high:.2f} to an attack's success, by the upper end of "
        f"its 95 % interval; policy allows {policy.max_advantage}.",
        private={name: each.to_json() for name, each in advantages.items()},
    )


def _half(estimate: Estimate) -> float:
    return (estimate.high - estimate.low) / 2


CHECK = Check(
    id="G8",
    name="attack advantage",
    null="The set adds less to an attack's success than policy allows.",
    statistic="What the set adds to an attack's success, *(attack - control) / (1 - control)* "
    "(Giomi et al. 2023, arXiv:2211.10459)",
    decision="The upper 95 % bound of the strongest attack against the policy's limit",
    run=run,
    reasons=(REASON, POWER),
)
