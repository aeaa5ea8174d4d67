"""G7: would the gate have found copies, had there been any, and does it find none where none are?

Positive controls, near-duplicates of training images, must be flagged. A negative control, the
holdout images evaluated as if they were a set, must pass.
"""

from __future__ import annotations

from collections.abc import Sequence

from release.data import class_weights
from release.gate.checks.proximity_scan import scan
from release.gate.context import Check, Context
from release.gate.copy_counts import CopyCounts
from release.gate.finding import MORE_PATIENTS, Finding, Reason
from release.gate.policy import Policy
from release.gate.positive_controls import ControlResult
from release.gate.real_index import RealIndex

REASON = Reason(
    "no_power",
    "the gate missed positive controls, or found copies where there are none",
    ("look at the controls in the report", *MORE_PATIENTS),
)


def run(context: Context) -> Finding:
    """Judge the positive controls, and the holdout as a set."""
    policy = context.policy
    return judge(context.controls, holdout_passes(context.index, policy), policy)


def holdout_passes(index: RealIndex, policy: Policy) -> bool:
    """Whether the holdout passes as if it were a set: its copies (G1), and half of it by G2."""
    images = index.images
    scans = []
    for each in index.by_metric.values():
        half, num_patients = each.half_of_holdout()
        scans.append(
            scan(
                half.closeness_to_real,
                half.nearest_patient,
                images.train_patients,
                num_patients,
                policy.scan_depths,
            )
        )
    weights = class_weights(
        images.representative_labels[~images.member], int(images.labels.max()) + 1
    )
    found = CopyCounts.of(
        index.closeness_of_real(~images.member), weights, index.calibration_by(images.member)
    )
    p_value = 2 * min(len(scans) * min(scans), found.p_value)
    return p_value >= policy.alpha / 3


def judge(results: Sequence[ControlResult], holdout_passed: bool, policy: Policy) -> Finding:
    """Judge whether the gate finds what it must, and nothing where nothing is.

    Args:
        results: Of all positive controls; without any required one the gate has shown nothing.
        holdout_passed: Whether the holdout passed as a set.
        policy: Says which share must be found.
    """
    required = [result for result in results if result.required]
    missed = [result.name for result in required if not result.claimed(policy)]
    found_all = bool(required) and not missed
    decided = found_all and holdout_passed
    sentences = []
    if not required:
        sentences.append("No near-duplicates were planted that the gate must find.")
    elif missed:
        sentences.append(f"Too few planted near-duplicates were found: {', '.join(missed)}.")
    else:
        sentences.append("The planted near-duplicates were found.")
    if not holdout_passed:
        sentences.append("Holdout images were taken for copies.")
    worst = min((result.found / max(1, result.planted) for result in required), default=0.0)
    return CHECK.finding(
        decision="passed" if decided else "inconclusive",
        statistic=round(worst, 3),
        threshold=policy.min_control_recall,
        text=" ".join(sentences),
        public={"negative_control_passed": holdout_passed},
    )


CHECK = Check(
    id="G7",
    name="controls",
    null="The gate finds the near-duplicates that it must find, and none among holdout images.",
    statistic="Positive controls: copies of training images planted on purpose, those that the "
    "model itself makes among them (SDEdit: Meng et al. 2022, arXiv:2108.01073). Negative control: "
    "H as if it were a set",
    decision="Required kinds must be found, and H must pass",
    run=run,
    reasons=(REASON,),
)
