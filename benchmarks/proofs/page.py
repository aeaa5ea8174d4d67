"""What the proofs found, as a page and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from scipy.stats import beta

from benchmarks.evaluation.machine import conditions
from benchmarks.proofs import cases, fresh, trained
from benchmarks.proofs.trial import Outcome, Trial
from release.stats.estimate import Estimate

PASSED, REFUSED, INCONCLUSIVE = "passed", "refused", "inconclusive"


def clopper_pearson(successes: int, trials: int) -> Estimate:
    """Bound a share by its exact 95 % interval.

    Reference: Clopper and Pearson 1934, Biometrika 26(4), 404-413.
    """
    low = beta.ppf(0.025, successes, trials - successes + 1) if successes else 0.0
    high = beta.ppf(0.975, successes + 1, trials - successes) if successes < trials else 1.0
    return Estimate(successes / trials, float(low), float(high))


def page(outcomes: Sequence[Outcome], lacking: Sequence[Trial]) -> str:
    """Lay out all parts.

    Args:
        outcomes: Of the sets that have been tried.
        lacking: The others.
    """
    parts = [PAGE]
    for name, text in TEXTS.items():
        parts.append(text)
        if of_part := [each for each in outcomes if each.part == name]:
            parts += [_table(of_part), _confusion(of_part), _cost(of_part)]
        if counts := Counter(each.case for each in lacking if each.part == name):
            cases = "; ".join(f"{case} ({count})" for case, count in counts.items())
            parts.append(f"Not tried yet, or not all of it: {cases}.")
    return "\n\n".join(parts) + "\n"


def figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return JSON values: every set, and by case how often the gate was right."""
    return {
        "conditions": conditions(),
        "cases": [_counted(list(each)) for each in _by_case(outcomes)],
        "sets": [
            {"part": each.part, "case": each.case, "seed": each.seed, "said": each.said}
            | {"cpu_seconds": each.seconds, "facts": dict(each.facts)}
            for each in outcomes
            if each.part != cases.PART
        ],
    }


def _by_case(outcomes: Iterable[Outcome]) -> Iterable[Iterable[Outcome]]:
    return (each for _, each in groupby(outcomes, key=lambda one: (one.part, one.case)))


def _counted(tried: Sequence[Outcome]) -> dict[str, Any]:
    num_wrong = sum(not each.is_right for each in tried)
    return {
        "part": tried[0].part,
        "case": tried[0].case,
        "expected": tried[0].expected,
        "said": dict(Counter(each.said for each in tried).most_common()),
        "sets": len(tried),
        "wrong": clopper_pearson(num_wrong, len(tried)).to_json(),
    }


def _table(outcomes: Iterable[Outcome]) -> str:
    rows = ["| set | expected | said | right | wrong, 95 % interval |", "| --- " * 5 + "|"]
    for each in _by_case(outcomes):
        tried = list(each)
        counted = _counted(tried)
        said = ", ".join(f"{count} {name}" for name, count in counted["said"].items())
        right = f"{sum(one.is_right for one in tried)} of {len(tried)}"
        wrong = _interval(len(tried) - sum(one.is_right for one in tried), len(tried))
        rows.append(f"| {counted['case']} | {counted['expected']} | {said} | {right} | {wrong} |")
    return "\n".join(rows)


def _confusion(outcomes: Iterable[Outcome]) -> str:
    """Count sets by what the gate was to say and by what it said, codes left out."""
    counts = Counter((_word(each.expected), _word(each.said)) for each in outcomes)
    words = [PASSED, REFUSED, INCONCLUSIVE]
    rows = [f"| expected | {' | '.join(words)} | wrong, 95 % interval |", "| --- " * 5 + "|"]
    for expected in words:
        found = [counts[expected, said] for said in words]
        if total := sum(found):
            wrong = _interval(total - counts[expected, expected], total)
            rows.append(f"| {expected} | {' | '.join(map(str, found))} | {wrong} |")
    return "\n".join(rows)


def _word(verdict: str) -> str:
    return verdict.partition("(")[0]


def _interval(num_wrong: int, num_trials: int) -> str:
    share = clopper_pearson(num_wrong, num_trials)
    return f"{100 * share.low:.1f} to {100 * share.high:.1f} %"


def _cost(outcomes: Sequence[Outcome]) -> str:
    minutes = sum(each.seconds for each in outcomes) / 60
    return f"{minutes:.0f} minutes of processor time on one thread of {conditions()['cpu']}."


PAGE = """# Error rates of the gate

Written by `make proofs` ([proofs.json](../benchmarks/results/proofs.json)). "Passed" includes sets
from which flagged images were dropped. The last column is the share of wrong verdicts and its exact
95 % interval."""

TEXTS = {
    trained.PART: f"""## Models trained on phantoms

Phantoms of 64 px, one of each patient. Models that are to memorise few images begin with the preset
`tiny`, the others with `standard`; their other settings, and how long they train, are in
`benchmarks/proofs/trained.py`. The gate is the service's own: both metrics, the copy detector
trained on the training and holdout splits alike, the classifier on the training split, all positive
controls. 1,000 patients are the holdout and 1,000 the test split. A model trained on 16 or 200
images draws {trained.NUM_IMAGES_OF_MEMORISER}, one trained on 2,000 draws {trained.NUM_IMAGES:,}. A
model that replays draws unchanged training images in place of 1 or 2 % of its images; where five
patients leak, 1 % are near duplicates of five training images, changed as the positive controls
are.""",
    fresh.PART: f"""## Phantoms that nobody trained on

Sets of {fresh.NUM_IMAGES} out of {fresh.NUM_FRESH} images that no model and no metric has learned
from, against {fresh.NUM_REAL:,} images that are split at random anew for every set, 40 % of them
held out. Both metrics as above. The sets share their images with each other, so the runs are not
independent and the interval is a little too narrow. Validity is measured once, of all images
together.""",
    cases.PART: """## Simulated datasets

In a simulated dataset it is known what leaked. An image is a point of a mixture of Gaussians,
written as 16 grey levels; every patient has a fixed mean, around which the patient's images
scatter. Every simulation is drawn anew. At design size 3,600 patients are trained on, 640 are held
out and a set has 5,000 images; so it is for copies and leaks of few patients. Most other cases have
1,000, 400 and 1,000, which does not change the probability of refusing an honest set. Distance is
Euclidean, so this tests the statistics and not the metrics. Near copies carry noise of 5 % of a
standard deviation.""",
}
