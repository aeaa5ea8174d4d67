"""G1-G8: was an earlier set of the model refused for what it reveals by itself?

Such a refusal is evidence against the model, which asking again with one step more does not undo.
"""

from __future__ import annotations

from collections.abc import Sequence

from release.gate.context import Check, Context, GateStage, Tally
from release.gate.finding import NO_SET_BEFORE, OTHER_MODEL, Finding, Reason

REASON = Reason(
    "refused_before",
    "a set of the same model was refused before, which asking again does not undo",
    OTHER_MODEL,
)


def run(context: Context) -> Finding | None:
    """Judge the sets before this one; nothing where it is the first."""
    earlier = context.history.counted
    return judge(earlier, context.history.attempt_number) if earlier else None


def judge(earlier: Sequence[Tally], attempt_number: int) -> Finding:
    """Ask whether a set before was refused by itself.

    Args:
        earlier: Of the sets before.
        attempt_number: Which of its model's sets this is, from 1.
    """
    refused = sum(each["refused"] for each in earlier)
    return CHECK.finding(
        decision="refused" if refused else "passed",
        statistic=refused,
        threshold=0,
        text=f"This is set {attempt_number} of its model; {refused or 'none'} before it "
        f"{'was' if refused <= 1 else 'were'} refused.",
    )


CHECK = Check(
    id="G1-G8",
    name="sets before",
    null="No earlier set of the model was refused for what it reveals by itself.",
    statistic="The number of refused sets of the same model",
    decision="One such set refuses all further ones",
    run=run,
    reasons=(REASON,),
    stage=GateStage.NOTHING_KEPT,
    absent=NO_SET_BEFORE,
)
