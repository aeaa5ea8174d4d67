"""MDCR: is the minimum detectable copy rate as low as policy asks?"""

from __future__ import annotations

from release.gate.context import Check, Context, GateStage
from release.gate.finding import POWER, Finding
from release.gate.public_result import percent, rounded_up


def run(context: Context) -> Finding:
    """Compare the minimum detectable copy rate with policy."""
    power = context.power
    return CHECK.finding(
        decision="passed" if power.claims_copies else "inconclusive",
        statistic=rounded_up(power.mdcr),
        threshold=power.max_mdcr,
        text=f"Of {power.num_examined} examined images, compared with {power.num_calibrating} "
        f"patients, {percent(power.mdcr)} copies of the kinds that were planted and found lead to "
        f"a refusal; policy asks for {percent(power.max_mdcr)}.",
    )


CHECK = Check(
    id="MDCR",
    name="minimum detectable copy rate",
    null="The copy count is sure to detect copies as rare as policy asks.",
    statistic="From which share of copies on the set is refused 95 times in 100, see below",
    decision="The policy's limit",
    run=run,
    reasons=(POWER,),
    stage=GateStage.HOLDOUT_TOO_SMALL,
)
