"""What the gate decided, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["passed", "passed_filtered", "refused", "inconclusive"]
Decision = Literal["passed", "refused", "inconclusive", "reported"]

OTHER_MODEL = (
    "release from an earlier checkpoint",
    "train with stronger augmentation",
    "train a smaller network",
    "train on more patients",
    "train with differential privacy",
)
MORE_HELD_OUT = ("ingest more patients, so that more are held out",)
BETTER_MODEL = ("train longer", "train on more images", "choose another model family")

# why a set is refused or undecided, and what can be done about it
REASONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "memorises": ("too many of the images drawn are copies of training images", OTHER_MODEL),
    "scan": ("the images nearest to real ones are near to training images too often", OTHER_MODEL),
    "membership": ("the set tells who was in the training data", OTHER_MODEL),
    "epsilon": (
        "the set tells more than the claimed differential privacy allows",
        ("look for the error in the training with differential privacy",),
    ),
    "material": (
        "an attack's advantage is not bounded below what policy allows",
        (*OTHER_MODEL, *MORE_HELD_OUT),
    ),
    "cumulative": (
        "together with the sets before it, the set tells too much of the training data",
        ("release fewer images of this dataset", *OTHER_MODEL),
    ),
    "refused_before": (
        "a set of the same model was refused before, which asking again does not undo",
        OTHER_MODEL,
    ),
    "nothing_left": ("every image asked for was dropped", OTHER_MODEL),
    "validity": (
        "the images are too far from real ones for privacy to mean anything",
        BETTER_MODEL,
    ),
    "power": ("too few patients are held out to find copies as rare as policy asks", MORE_HELD_OUT),
    "no_power": (
        "the detector missed near duplicates that were planted, or found copies where none are",
        ("look at the controls in the report", *MORE_HELD_OUT),
    ),
    "embedding": (
        "a metric gave distances that are no numbers, or knows training images from held-out ones",
        ("ingest the images anew, and report it if that does not help",),
    ),
}


@dataclass(frozen=True)
class Verdict:
    """Whether a set may leave.

    Attributes:
        outcome: `passed`, `passed_filtered` (after images were dropped), `refused` or
            `inconclusive` (nothing was found, and nothing could have been).
        code: The first reason why a set is refused or inconclusive, a key of `REASONS`.
        num_filtered: How many flagged images were dropped.
        reasons: All reasons, in words.
        remedies: What can be done about them.
    """

    outcome: Outcome
    code: str | None = None
    num_filtered: int = 0
    reasons: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name the verdict: passed, passed_filtered(3), refused(memorises)."""
        if self.outcome == "passed":
            return self.outcome
        return f"{self.outcome}({self.code or self.num_filtered})"

    @property
    def may_leave(self) -> bool:
        """Whether the set's bytes may become reachable."""
        return self.outcome in ("passed", "passed_filtered")

    @property
    def text(self) -> str:
        """The verdict in a sentence."""
        if self.outcome == "passed":
            return "The tests found no copy and no sign of who was in the training data."
        if self.outcome == "passed_filtered":
            images = "image was" if self.num_filtered == 1 else "images were"
            return (
                f"{self.num_filtered} {images} dropped; in the others the tests found no copy "
                "and no sign of who was in the training data."
            )
        kind = "The set is refused" if self.outcome == "refused" else "The tests cannot decide"
        return f"{kind}: {'; '.join(self.reasons)}."

    @classmethod
    def of(cls, findings: tuple[Finding, ...], num_filtered: int) -> Verdict:
        """Draw the verdict from all findings: a refusal outweighs doubt, and doubt a pass."""
        for outcome in ("refused", "inconclusive"):
            codes = [finding.code for finding in findings if finding.decision == outcome]
            found = tuple(dict.fromkeys(code for code in codes if code))
            if found:
                reasons = tuple(REASONS[code][0] for code in found)
                remedies = dict.fromkeys(remedy for code in found for remedy in REASONS[code][1])
                return cls(outcome, found[0], num_filtered, reasons, tuple(remedies))
        if num_filtered:
            return cls("passed_filtered", None, num_filtered)
        return cls("passed")

    @classmethod
    def inconclusive(cls, code: str, num_filtered: int) -> Verdict:
        """Say that nothing can be said of a set, for one reason."""
        reason, remedies = REASONS[code]
        return cls("inconclusive", code, num_filtered, (reason,), remedies)


@dataclass(frozen=True)
class Finding:
    """What one test found.

    Attributes:
        id: G0 to G9.
        name: What was asked, in a word or two.
        decision: What follows; `reported` where nothing does.
        statistic: What was counted or measured, at a precision that tells of no single image.
        threshold: What it was held against.
        p_value: Chance of the like or worse for an honest set, divided by nothing, after the
            correction for the tests within this finding.
        text: The finding in a sentence.
        code: Why a set is refused or inconclusive, a key of `REASONS`.
        public: More that everyone may know.
        private: What only the owner of the real images may know.
    """

    id: str
    name: str
    decision: Decision
    statistic: float | None
    threshold: float | None
    p_value: float | None
    text: str
    code: str | None = None
    public: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)
