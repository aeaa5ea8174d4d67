"""G0: do the metrics give valid distances?"""

from __future__ import annotations

from release.gate.context import Check, Context, GateStage
from release.gate.finding import INVALID_METRIC, Finding


def run(context: Context) -> Finding | None:
    """Say that a metric's distances are invalid: nothing else can be asked of it."""
    if context.error is None:
        return None
    return CHECK.finding(
        decision="inconclusive",
        text=str(context.error),
    )


CHECK = Check(
    id="G0",
    name="embedding",
    null="Every metric gives finite distances of at least 0.",
    statistic="The distances between images",
    decision="An invalid distance leaves everything open",
    run=run,
    reasons=(INVALID_METRIC,),
    stage=GateStage.INVALID_DISTANCES,
)
