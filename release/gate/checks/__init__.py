"""The checks of the gate, in the order of their findings.

The first reason named decides who may see a set's images, so power comes before what it bounds; a
reason that hides the images (`Reason.hides_images`) is named before all others.
"""

from release.gate.checks import (
    attack_advantage,
    burned_in_text,
    controls,
    copy_count,
    copy_power,
    cumulative_tally,
    earlier_refusal,
    epsilon,
    membership,
    membership_power,
    metric_distances,
    metric_symmetry,
    patient_exposure,
    proximity_scan,
    validity,
    white_box,
)
from release.gate.context import Check, Hypothesis

CHECKS: tuple[Check, ...] = (
    metric_distances.CHECK,
    copy_power.CHECK,
    membership_power.CHECK,
    validity.CHECK,
    copy_count.CHECK,
    earlier_refusal.CHECK,
    cumulative_tally.CHECK,
    proximity_scan.CHECK,
    membership.CHECK,
    patient_exposure.CHECK,
    epsilon.CHECK,
    controls.CHECK,
    metric_symmetry.CHECK,
    attack_advantage.CHECK,
    burned_in_text.CHECK,
    proximity_scan.WITH_EARLIER,
    membership.WITH_EARLIER,
)
WEIGHTS_CHECK: Hypothesis = white_box.CHECK  # of a model, not of a set
