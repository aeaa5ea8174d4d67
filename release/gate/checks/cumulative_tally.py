"""G1 over all sets: are there more copies in all sets together than chance explains?

A set that was refused is deleted, and one that passed may be small: each alone says little of its
model. So whoever asks again until a set passes, or asks for many small sets, is judged by all of
them together. Three things are kept of every evaluated set.

Copies beyond doubt. Two of them in all sets together refuse the next one, as two in one set do.

Flagged images. Sets that are compared with the same patients are held against the same threshold,
so of all their images together BetaBinomial(N; j, m + 1 - j) are flagged, exactly as of one set
(see `release.gate.copy_counts`); so are those of each class. A large honest set could hide small
ones that copy, so the sets are put into the order of their size, which does not depend on what was
flagged, and the smallest are tested together, then twice as many images, and so on up to all, with
Bonferroni's correction for as many tests. The size is n rho: a set of a rare class, of which little
is known, comes late too.

Datasets that share patients have thresholds of their own. Were each counted by itself, one patient
fewer in each would part the sets, and Bonferroni's correction would let all of them pass. So sets
are counted together where m is of the same order of magnitude, between the same powers of two, and
there are as many thresholds; a small dataset, known less well, still hides no larger one. Counts of
one lot are held against BetaBinomial(N; j, m + 1 - j) with the smallest m of the lot and the least
j for which j / (m + 1) reaches the largest j_i / (m_i + 1). This is conservative: each image is
tested as if against the most permissive of the thresholds, calibrated on the fewest patients, and
all as if one draw of these patients had decided all thresholds. In truth thresholds of different
patients vary partly apart, and what varies apart evens out: full dependence has the widest spread,
and so the largest chance of counts well above the mean, where sets are refused. The price is power:
beside a dataset of half as many patients, up to some twice as many images near are put down to
chance, and up to four times where j is 1 or 2. Where m and j are the same, nothing changes.

Refusals. A set that was refused by its own tests is evidence against its model, which
asking again with one step more does not undo: all further sets of the model are refused.

The level of a set's own tests does not depend on how many there were. Were alpha divided among them
(alpha spending), an honest model would be refused less often over many sets, and a leaking set
would pass once enough harmless ones had been asked for. So what is counted together comes on top,
at alpha / 6: a set's own G1 keeps alpha / 3, and where there were sets before, an honest set is
refused for its images near by either with a chance of up to alpha / 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from release.gate.context import Check, Context, GateStage, Tally
from release.gate.copy_counts import MIN_CERTAIN, CopyCounts, Count
from release.gate.finding import CUMULATIVE, NO_SET_BEFORE, Finding
from release.gate.policy import Policy
from release.stats.bonferroni import bonferroni

COUNTED_BEFORE = ("cumulative", "refused_before")  # refusals for what earlier sets contributed


def run(context: Context) -> Finding | None:
    """Count the set and the examined ones before it together; nothing where it is the first."""
    earlier = context.history.counted
    if not earlier:
        return None
    return judge([*earlier, tally_of(context.counts, context.splits.classes, ())], context.policy)


def tally_of(found: CopyCounts, classes: Sequence[str], findings: Sequence[Finding]) -> Tally:
    """Count what later evaluations need of a set.

    Args:
        found: Counts of every image generated, flagged ones too.
        classes: Names of the classes, in the order of their numbers.
        findings: Of the set, alone and together with others.
    """
    refused_alone = (each.code for each in findings if each.decision == "refused")
    return {
        "all": _counted(found.overall),
        "classes": {classes[label]: _counted(count) for label, count in found.by_class.items()},
        "num_certain": found.num_certain,
        "refused": any(code not in COUNTED_BEFORE for code in refused_alone),
    }


def judge(tallies: Sequence[Tally], policy: Policy) -> Finding:
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
    lots = [alike for counts in counted for alike in _alike(counts)]
    p_values = [p for counts in lots for p in _p_values(counts)]
    p = bonferroni(p_values, 2)  # 2: half of G1's level
    num_certain = sum(each["num_certain"] for each in tallies)
    refused = p < policy.alpha / 3 or num_certain >= MIN_CERTAIN
    return CHECK.finding(
        decision="refused" if refused else "passed",
        threshold=policy.alpha / 3,
        p_value=p,
        text=f"This set and {len(tallies) - 1} examined before it were counted together.",
        private={
            "num_near": [each["all"]["num_near"] for each in tallies],
            "num_certain": num_certain,
        },
    )


def _counted(count: Count) -> dict[str, Any]:
    return {**vars(count), "excess": count.excess if isfinite(count.excess) else None}


def _size(count: Mapping[str, Any]) -> float:
    return float(count["num_images"] * count["excess"])


def _alike(counts: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Part counts by the magnitude of m, floor(log2 m): a small dataset hides no larger one."""
    parts: dict[tuple[int, int], list[Mapping[str, Any]]] = {}
    for each in counts:
        magnitude = int(each["num_patients"]).bit_length()
        parts.setdefault((magnitude, len(each["ranks"])), []).append(each)
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
    """Count several sets as one, held against the fewest patients and the largest shares."""
    num_images = sum(each["num_images"] for each in counts)
    num_patients = min(each["num_patients"] for each in counts)
    of_fewest = (
        [_rank_among(num_patients, rank, each["num_patients"]) for rank in each["ranks"]]
        for each in counts
    )
    near = zip(*(each["num_near"] for each in counts), strict=True)
    return Count(
        num_images,
        num_patients,
        tuple(map(max, zip(*of_fewest, strict=True))),
        tuple(map(sum, near)),
        max(1.0, sum(map(_size, counts)) / max(1, num_images)),
    )


def _rank_among(fewer: int, rank: int, num_patients: int) -> int:
    """Return the least rank among fewer patients with at least the share that a rank has."""
    return min(fewer, -(-rank * (fewer + 1) // (num_patients + 1)))


CHECK = Check(
    id="G1",
    name="copies of all sets",
    null="All sets examined so far together lie no nearer to training images than real images of "
    "other patients do.",
    statistic="The counts of the set and of those examined before it, the smallest sets first",
    decision="By the same law as the copies of one set, at a further sixth of alpha; two copies "
    "beyond doubt in all sets together refuse",
    run=run,
    reasons=(CUMULATIVE,),
    stage=GateStage.NOTHING_KEPT,
    absent=NO_SET_BEFORE,
)
