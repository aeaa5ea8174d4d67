"""The measured part of docs/trust.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path("docs/trust.md")
BEGIN, END = "<!-- measured by make faults -->\n", "<!-- end -->\n"
CONDITIONS = """\
Run of {at}, seed {seed}: {minutes} minutes of faults on {cores} cores ({cpu}) that did other work \
too (load {load}), SQLite, the embedded broker, four workers, leases of {lease} s.
"""


def write(found: Mapping[str, Any]) -> None:
    """Replace what the page says of the last long run."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{measured(found)}\n{END}{after}", encoding="utf-8")


def measured(found: Mapping[str, Any]) -> str:
    """Say in words and tables what a long run found."""
    machine = found["machine"]
    conditions = CONDITIONS.format(
        at=found["at"],
        seed=found["seed"],
        minutes=round(found["seconds"] / 60),
        cores=machine["cores"],
        cpu=machine["cpu"],
        load=machine["load of others and ours"],
        lease=found["lease_seconds"],
    )
    return "\n".join([conditions, *_counts(found), "", *_faults(found), "", *_times(found)])


def _counts(found: Mapping[str, Any]) -> list[str]:
    jobs, kills = found["jobs"], found["kills"]
    ends = ", ".join(f"{jobs.get(state, 0):,}" for state in ("succeeded", "cancelled", "failed"))
    rows = {
        "jobs accepted (202)": f"{jobs['accepted']:,}",
        "of these while processes were killed": f"{jobs['while killing']:,}",
        "succeeded, cancelled, failed": ends,
        "kills (`kill -9`)": f"{kills['in all']:,}",
        "attempts that they ended": f"{found['attempts ended by kills']:,}",
        "other faults": f"{sum(found['other faults'].values()):,}",
        "**jobs lost**": f"**{len(found['lost'])}**",
        "**jobs doubled**": f"**{len(found['doubled'])}**",
        "gaps in logs, damaged files, leftovers": len(found["faults"]),
        "requests without an answer, sent again": f"{found['requests without an answer']:,}",
        "folders left to the daily pruning": found["pruned"],
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def _faults(found: Mapping[str, Any]) -> list[str]:
    each = {**found["kills"], **found["other faults"]}
    del each["in all"]
    rows = [f"| {name.replace('_', ' ')} | {number:,} |" for name, number in sorted(each.items())]
    return ["| fault | times |", "| --- | --- |", *rows]


def _times(found: Mapping[str, Any]) -> list[str]:
    times = {f"until the next attempt, {n}": p for n, p in found["restart gap seconds"].items()}
    times |= {f"until a cancelled job ended, {n}": p for n, p in found["cancel seconds"].items()}
    times["POST without a broker, until its 202"] = found["post without broker seconds"]
    head = ["| seconds | number | median | 99th percentile | largest |", "| --- |" + " --- |" * 4]
    return [*head, *(_row(name, seconds) for name, seconds in times.items())]


def _row(name: str, seconds: Mapping[str, float]) -> str:
    shown = [
        f"{seconds[key]:.3f}" if key in seconds else "" for key in ("median", "p99", "largest")
    ]
    return f"| {name} | {seconds['number']} | {' | '.join(shown)} |"
