"""The table of checks, as `docs/gate.md` and the method page of every package show it.

    python -m release.gate.checks_table docs/gate.md

writes it anew between the markers of that page.
"""

from __future__ import annotations

import sys
from pathlib import Path

from release.gate.checks import CHECKS, WEIGHTS_CHECK
from release.gate.context import Hypothesis

BEGIN, END = "<!-- checks: generated -->", "<!-- checks: end -->"


def table() -> str:
    """Write all checks as a Markdown table, in the order of their findings."""
    lines = [
        "| check | name | null hypothesis | what is computed | how it is judged |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [_row(check) for check in CHECKS]
    return "\n".join([*lines, _row(WEIGHTS_CHECK)])


def _row(check: Hypothesis) -> str:
    cells = (check.id, check.name, check.null, check.statistic, check.decision)
    return f"| {' | '.join(cells)} |"


def with_table(page: str) -> str:
    """Put the table between the markers of a page.

    Raises:
        ValueError: The page lacks a marker.
    """
    before, _, rest = page.partition(BEGIN)
    _, marker, after = rest.partition(END)
    if not marker:
        raise ValueError(f"The page has no place for the table: expected {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
