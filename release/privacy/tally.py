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

Refusals. A set that was refused for what it tells by itself is evidence against its model, which
asking again with one step more does not undo: all further sets of the model are refused. The level
of a set's own tests does not depend on how many there were. Were alpha divided among them (alpha
spending), an honest model would be refused less often over many sets, and a leaking set would pass
once enough harmless ones had been asked for.
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
COUNTED_BEFORE = ("cumulative", "refused_before")  # refusals that other sets had a part in


def tally_of(look: Look, num_patients: int, excess: float, findings: Sequence[Finding]) -> Tally:
    """Count what later examinations need of a set.

    Args:
        look: What was seen of every image drawn, flagged ones too.
        num_patients: m, patients of H.
        excess: rho, by which the set's classes are shared otherwise than those of H.
        findings: What was found of it, alone and with others.
    """
    refused_alone = (each.code for each in findings if each.decision == "refused")
    return {
        "num_drawn": len(look),
        "num_flagged": {
            name: int(flags.sum()) for name, flags in zip(look.sights, look.flags, strict=True)
        },
        "num_patients": num_patients,
        "excess": excess if isfinite(excess) else None,
        "refused": any(code not in COUNTED_BEFORE for code in refused_alone),
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


def refused_before(earlier: Sequence[Tally], attempt_number: int) -> Finding:
    """Ask whether a set before was refused for what it told by itself.

    Args:
        earlier: Of the sets before.
        attempt_number: Which of its model's sets this is, from 1.
    """
    refused = sum(each["refused"] for each in earlier)
    return Finding(
        id="G1-G8",
        name="sets before",
        decision="refused" if refused else "passed",
        code="refused_before" if refused else None,
        statistic=refused,
        threshold=0,
        p_value=None,
        text=f"This is set {attempt_number} of its model; {refused or 'none'} before it "
        f"{'was' if refused <= 1 else 'were'} refused.",
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
