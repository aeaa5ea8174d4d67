"""One set put to the gate, and what is written down of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from release.gate.result import GateResult

Facts = Mapping[str, float | int | None]


@dataclass(frozen=True)
class Trial:
    """A set of which all is known.

    Attributes:
        part: Of the proofs.
        case: Kind of set.
        expected: What the gate must say: `passed`, or a verdict, with its code unless any will do.
        seed: Distinguishes the trials of a case.
        examine: Makes the set and puts it to the gate.
    """

    part: str
    case: str
    expected: str
    seed: int
    examine: Callable[[], GateResult]

    @property
    def key(self) -> tuple[str, str, int]:
        """Name the trial among all."""
        return self.part, self.case, self.seed


@dataclass(frozen=True)
class Outcome:
    """What the gate said.

    Attributes:
        part: As of the trial.
        case: As of the trial.
        expected: As of the trial.
        seed: As of the trial.
        said: `passed`, also where flagged images were dropped; else the verdict.
        seconds: Processor time it took, with all that this process had to make for it.
        facts: What the tests counted, by test.
    """

    part: str
    case: str
    expected: str
    seed: int
    said: str
    seconds: float
    facts: Facts

    @property
    def key(self) -> tuple[str, str, int]:
        """Name the trial among all."""
        return self.part, self.case, self.seed

    @property
    def is_right(self) -> bool:
        """Whether it is what was expected."""
        return self.said.startswith(self.expected)


def tried(trial: Trial) -> Outcome:
    """Examine a set and note what came of it."""
    began = time.process_time()
    examination = trial.examine()
    verdict = examination.verdict
    return Outcome(
        trial.part,
        trial.case,
        trial.expected,
        trial.seed,
        "passed" if verdict.released else str(verdict),
        round(time.process_time() - began, 1),
        _facts(examination),
    )


def _facts(examination: GateResult) -> dict[str, Any]:
    facts: dict[str, Any] = {"dropped": int((~examination.kept).sum())}
    for finding in examination.findings:
        name = f"{finding.id} {finding.name}"
        if finding.statistic is not None:
            facts[name] = finding.statistic
        if finding.p_value is not None:
            facts[f"{name}, p"] = float(f"{finding.p_value:.2g}")
        if "relative_agreement" in finding.public:
            facts["G0 label agreement"] = finding.public["relative_agreement"]
    return facts


class OutcomeLog:
    """Outcomes on disk, a JSON line each, so that an interrupted run goes on where it was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.outcomes = [Outcome(**json.loads(line)) for line in lines]

    def lacking(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """Yield the trials of which nothing is written yet."""
        known = {outcome.key for outcome in self.outcomes}
        return (trial for trial in trials if trial.key not in known)

    def of(self, trials: Iterable[Trial]) -> list[Outcome]:
        """Return what is written of some trials, in their order."""
        known = {outcome.key: outcome for outcome in self.outcomes}
        return [known[trial.key] for trial in trials if trial.key in known]

    def write(self, outcome: Outcome) -> None:
        """Add an outcome."""
        self.outcomes.append(outcome)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(outcome)) + "\n")
