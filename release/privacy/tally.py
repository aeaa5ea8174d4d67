"""What of an examined set counts in the examination of the next ones: nothing is forgotten.

A set that was refused is deleted, and one that passed may be small: each alone says little of its
model. Whoever may ask again until a set passes, or ask for many small sets, is answered by all of
them together. Three things are counted.

Copies beyond doubt. Two of them in all sets together refuse the next one, as two in one set do.

Flagged images. Sets that are held against the same patients are held against the same threshold,
so of all their images together BetaBinomial(N; j, m + 1 - j) are flagged, exactly as of one set
(see `release.privacy.copies`); so are those of each class. A large honest set could hide small ones
that copy, so the sets are put into the order of their size, which does not depend on what was
flagged, and the smallest are tested together, then twice as many images, and so on up to all, with
Bonferroni's correction for as many tests. The size is n rho: a set of a rare class, of which little
is known, comes late too. Sets that were held against other patients, as those of other datasets
were, are counted by themselves.

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

from release.policy import Policy
from release.privacy.copies import FEWEST_CERTAIN, Copies, Count
from release.verdict import Finding

Tally = Mapping[str, Any]  # JSON values; private
COUNTED_BEFORE = ("cumulative", "refused_before")  # refusals that other sets had a part in


def tally_of(found: Copies, classes: Sequence[str], findings: Sequence[Finding]) -> Tally:
    """Count what later examinations need of a set.

    Args:
        found: What G1 counts of every image drawn, flagged ones too.
        classes: Names of the classes, in the order of their numbers.
        findings: What was found of it, alone and with others.
    """
    refused_alone = (each.code for each in findings if each.decision == "refused")
    return {
        "all": _counted(found.overall),
        "classes": {classes[label]: _counted(count) for label, count in found.by_class.items()},
        "num_certain": found.num_certain,
        "refused": any(code not in COUNTED_BEFORE for code in refused_alone),
    }


def copies_together(tallies: Sequence[Tally], policy: Policy) -> Finding:
    """Test whether the sets together hold more copies than chance explains.

    Args:
        tallies: Of the set under test and of those before it.
        policy: Says at which level.
    """
    classes = sorted({name for each in tallies for name in each["classes"]})
    counted = [
        [each["all"] for each in tallies],
        *(
            [each["classes"][name] for each in tallies if name in each["classes"]]
            for name in classes
        ),
    ]
    lots = [alike for counts in counted for alike in _held_against_the_same(counts)]
    p_values = [p for counts in lots for p in _p_values(counts)]
    p = min(1.0, 2 * len(p_values) * min(p_values, default=1.0))  # 2: beside the set's own test
    num_certain = sum(each["num_certain"] for each in tallies)
    refused = p < policy.alpha / 3 or num_certain >= FEWEST_CERTAIN
    return Finding(
        id="G1",
        name="copies of all sets",
        decision="refused" if refused else "passed",
        code="cumulative" if refused else None,
        statistic=None,
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"This set and {len(tallies) - 1} examined before it were counted together.",
        private={
            "num_near": [each["all"]["num_near"] for each in tallies],
            "num_certain": num_certain,
        },
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


def _counted(count: Count) -> dict[str, Any]:
    return {**vars(count), "excess": count.excess if isfinite(count.excess) else None}


def _size(count: Mapping[str, Any]) -> float:
    return float(count["num_images"] * count["excess"])


def _held_against_the_same(counts: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Part counts by the patients they were held against: a small dataset hides no larger one."""
    parts: dict[tuple[int, ...], list[Mapping[str, Any]]] = {}
    for each in counts:
        parts.setdefault((each["num_patients"], *each["ranks"]), []).append(each)
    return list(parts.values())


def _p_values(counts: Sequence[Mapping[str, Any]]) -> list[float]:
    """Test the smallest sets together, then more and more of them."""
    known = sorted((each for each in counts if each["excess"] is not None), key=_size)
    lots = _doublings([_size(each) for each in known])
    return [p for num in lots for p in _together(known[:num]).p_values]


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


def _together(counts: Sequence[Mapping[str, Any]]) -> Count:
    """Count several sets, held against the same patients, as one."""
    num_images = sum(each["num_images"] for each in counts)
    near = zip(*(each["num_near"] for each in counts), strict=True)
    return Count(
        num_images,
        counts[0]["num_patients"],
        tuple(counts[0]["ranks"]),
        tuple(map(sum, near)),
        max(1.0, sum(map(_size, counts)) / max(1, num_images)),
    )
