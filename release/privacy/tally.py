"""What of an examined set counts in the examination of the next ones: nothing is forgotten.

A set that was refused is deleted, and one that passed may be small: each alone says little of its
model. Whoever may ask again until a set passes, or ask for many small sets, is answered by all of
them together. Two things are counted.

Copies. Sets that are held against the same held-out patients are held against the same threshold,
so of all their images together BetaBinomial(N; j, m + 1 - j) are flagged, exactly as of one set
(see `release.privacy.copies`). A large honest set could hide small ones that copy, so the sets are
put into the order of their size, which does not depend on what was flagged, and the smallest are
tested together, then twice as many images, and so on up to all, with Bonferroni's correction for
as many tests. The size is n rho: a set of a rare class, of which little is known, comes late too.
Where sets of other datasets are among them the fewest held-out patients of any are reckoned with.

Evidence. If the k sets of an honest model are each tested at the level alpha / k, one of them is
refused with a chance of alpha at most. So a p-value below that stands against the model, however
the next set does: a strong refusal is not undone by asking again with one step more, a weak one is
forgotten after some sets. The level of a set's own tests is not divided: whoever wants a weak test
would only have to spend some harmless sets first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from release.look import Look
from release.policy import Policy
from release.privacy.copies import p_value
from release.verdict import Finding

Tally = Mapping[str, Any]  # JSON values; private


def tally_of(look: Look, num_patients: int, excess: float, tests: Sequence[Finding]) -> Tally:
    """Count what later examinations need of a set.

    Args:
        look: What was seen of every image drawn, flagged ones too.
        num_patients: m, patients of H.
        excess: rho, by which the set's classes are shared otherwise than those of H.
        tests: What G1, G2 and G3 found of it alone.
    """
    p_values = [each.p_value for each in tests if each.p_value is not None]
    return {
        "num_drawn": len(look),
        "num_flagged": {
            name: int(flags.sum()) for name, flags in zip(look.sights, look.flags, strict=True)
        },
        "num_patients": num_patients,
        "excess": excess if isfinite(excess) else None,
        "p_value": min(p_values, default=1.0),
    }


def copies_together(tallies: Sequence[Tally], policy: Policy) -> Finding:
    """Test whether the sets together hold more copies than chance explains.

    Args:
        tallies: Of the set under test and of those before it.
        policy: Says at which level.
    """
    known = sorted((each for each in tallies if each["excess"] is not None), key=_size)
    metrics = sorted({name for each in known for name in each["num_flagged"]})
    p_values = [
        _p_value(known[:smallest], name, policy)
        for smallest in _doublings([_size(each) for each in known])
        for name in metrics
    ]
    p = min(1.0, 2 * len(p_values) * min(p_values, default=1.0))  # 2: beside the set's own test
    refused = p < policy.alpha / 3
    return Finding(
        id="G1",
        name="copies of all sets",
        decision="refused" if refused else "passed",
        code="cumulative" if refused else None,
        statistic=None,
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"This set and {len(tallies) - 1} examined before it were counted together.",
        private={"num_flagged": {name: _total(known, name) for name in metrics}},
    )


def standing_evidence(earlier: Sequence[Tally], attempt_number: int, policy: Policy) -> Finding:
    """Ask whether a set before was refused too clearly to be forgotten.

    Args:
        earlier: Of the sets before.
        attempt_number: Which of its model's sets this is, from 1.
        policy: Says at which level.
    """
    p = min((each["p_value"] for each in earlier), default=1.0)
    level = policy.at_attempt(attempt_number).alpha / 3
    refused = p < level
    return Finding(
        id="G1-G3",
        name="sets before",
        decision="refused" if refused else "passed",
        code="cumulative" if refused else None,
        statistic=attempt_number,
        threshold=level,
        p_value=min(1.0, attempt_number * p),
        text=f"This is set {attempt_number} of its model; "
        + ("one before it told too much." if refused else "none before it told too much."),
    )


def _size(tally: Tally) -> float:
    return float(tally["num_drawn"] * tally["excess"])


def _doublings(sizes: Sequence[float]) -> list[int]:
    """Return of how many sets each lot is, the smallest first; sets of one size stay together."""
    lots: list[int] = []
    tested = 0.0
    for count in range(1, len(sizes) + 1):
        together, is_last = sum(sizes[:count]), count == len(sizes)
        if is_last or (sizes[count] > sizes[count - 1] and together >= 2 * tested):
            lots.append(count)
            tested = together
    return lots


def _p_value(tallies: Sequence[Tally], metric: str, policy: Policy) -> float:
    """Return the chance that as many images of honest sets are flagged, or a bound on it."""
    num_drawn = sum(each["num_drawn"] for each in tallies)
    excess = max(1.0, sum(map(_size, tallies)) / num_drawn)
    num_patients = min(each["num_patients"] for each in tallies)
    return p_value(_total(tallies, metric), num_drawn, num_patients, policy.flag_share, excess)


def _total(tallies: Sequence[Tally], metric: str) -> int:
    return sum(each["num_flagged"].get(metric, 0) for each in tallies)
