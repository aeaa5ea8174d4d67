"""Power: is membership inference sure to be detected on as few patients as policy asks?"""

from __future__ import annotations

from release.gate.context import Check, Context, GateStage
from release.gate.finding import POWER, Finding
from release.gate.public_result import percent, rounded_up


def run(context: Context) -> Finding:
    """Compare the smallest detectable share of training patients with policy."""
    power = context.power
    return CHECK.finding(
        decision="passed" if power.claims_membership else "inconclusive",
        statistic=rounded_up(power.membership),
        threshold=power.max_membership,
        text=f"With {power.num_patients} holdout patients, an attack that is right on "
        f"{percent(power.membership)} of the training patients is detected; policy asks for "
        f"{percent(power.max_membership)}.",
    )


CHECK = Check(
    id="power",
    name="membership power",
    null="Membership inference is sure to be detected on as few patients as policy asks.",
    statistic="From which share of training patients on an attack is sure to be detected, see "
    "below",
    decision="The policy's limit",
    run=run,
    reasons=(POWER,),
    stage=GateStage.HOLDOUT_TOO_SMALL,
)
