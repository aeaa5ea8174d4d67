"""The verdict on a set: the one that the gate decides, the records keep and the API shows.

The standard library alone, since the API process imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["passed", "passed_filtered", "refused", "inconclusive"]  # of all checks
Decision = Literal["passed", "refused", "inconclusive", "reported"]  # of one check


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a set is released, in public: no distances, no neighbours, no single image.

    Attributes:
        outcome: `passed`, `passed_filtered` (after images were dropped), `refused` or
            `inconclusive` (nothing was found, and nothing could have been).
        code: Of the first reason why a set is refused or inconclusive, such as `memorises`.
        num_filtered: How many images were dropped.
        reasons: All reasons, in words.
        remedies: What can be done about them.
        min_detectable_copy_rate: The smallest rate of copied images that the checks detect, in
            (0, 1]; None where it could not be determined.
    """

    outcome: Outcome
    code: str | None = None
    num_filtered: int = 0
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    min_detectable_copy_rate: float | None = None

    def __str__(self) -> str:
        """Name the verdict: passed, passed_filtered(3), refused(memorises)."""
        detail = self.code or (self.num_filtered or None)
        return f"{self.outcome}({detail})" if detail else self.outcome

    @property
    def released(self) -> bool:
        """Whether the set can be downloaded."""
        return self.outcome in ("passed", "passed_filtered")

    @property
    def for_research(self) -> bool:
        """Whether its images may be read inside the institution: negative, but with low power."""
        return self.outcome == "inconclusive" and self.code == "power"
