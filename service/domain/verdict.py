"""What the gate found of a synthetic set, and who may therefore have its images."""

from dataclasses import dataclass
from enum import StrEnum

PRIVATE_READ = "private:read"
WEIGHTS_READ = "weights:read"


class Outcome(StrEnum):
    """How the examination of a set ended."""

    PASSED = "passed"
    PASSED_FILTERED = "passed_filtered"
    REFUSED = "refused"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a set in public: no distance, no neighbour, no image by itself.

    Attributes:
        outcome: How the examination ended.
        code: Why a set is refused or inconclusive, as a stable name such as `memorises`, `power`.
        num_filtered: Images that were dropped and drawn anew.
        reasons: Why, in sentences.
        remedies: What may help, in sentences.
        min_detectable_copy_rate: The smallest share of copied images that the examination finds,
            in (0, 1]; None where it could not be told.
    """

    outcome: Outcome
    code: str | None = None
    num_filtered: int = 0
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    min_detectable_copy_rate: float | None = None

    def __str__(self) -> str:
        detail = self.code or (self.num_filtered or None)
        return f"{self.outcome}({detail})" if detail else str(self.outcome)

    @property
    def released(self) -> bool:
        """Whether the set may leave the building."""
        return self.outcome in {Outcome.PASSED, Outcome.PASSED_FILTERED}

    @property
    def for_research(self) -> bool:
        """Whether its images may be looked at inside: nothing was found, by too few patients."""
        return self.outcome is Outcome.INCONCLUSIVE and self.code == "power"
