"""What a check found, and the reasons that several checks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from release.gate.verdict import Decision
from release.stats.roc import Roc

OTHER_MODEL = (
    "release from an earlier checkpoint",
    "train with stronger augmentation",
    "train a smaller network",
    "train on more patients",
    "train with differential privacy",
)
MORE_PATIENTS = ("ingest more patients, so that the holdout is larger",)
BETTER_MODEL = ("train longer", "train on more images", "choose another model family")

# why a check that counts earlier sets has nothing to judge
NO_SET_BEFORE = "Not run: no set was examined before that counts in this one."
NO_RELEASE_BEFORE = "Not run: no set of a dataset with the same patients was released before."


@dataclass(frozen=True)
class Reason:
    """Why a set is refused or cannot be decided.

    Attributes:
        code: Stable name, part of the public API.
        text: The reason in words.
        remedies: What can be done about it.
        hides_images: Whether nobody may see the images, whatever else leaves the set undecided.
    """

    code: str
    text: str
    remedies: tuple[str, ...]
    hides_images: bool = False


POWER = Reason(
    "power", "the holdout is too small to detect copies as rare as policy asks", MORE_PATIENTS
)
CUMULATIVE = Reason(
    "cumulative",
    "together with the sets before it, the set reveals too much of the training data",
    ("release fewer images of this dataset", *OTHER_MODEL),
)
INVALID_METRIC = Reason(
    "embedding",
    "a metric gave invalid distances, or distinguishes training images from holdout images",
    ("ingest the images anew, and report it if that does not help",),
)


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        id: MDCR, power or G0 to G9.
        name: What was asked, in a word or two.
        decision: What follows; `reported` where nothing does.
        text: The finding in a sentence.
        reason: Why a set is refused or inconclusive.
        statistic: What was counted or measured, too coarse to reveal a single image.
        threshold: What it was compared with.
        p_value: Of the null hypothesis, corrected for the tests within this check.
        public: More that everyone may know.
        private: What only the owner of the real images may know.
        roc: Of the strongest attack, where attacks were run.
    """

    id: str
    name: str
    decision: Decision
    text: str
    reason: Reason | None = None
    statistic: float | None = None
    threshold: float | None = None
    p_value: float | None = None
    public: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)
    roc: Roc | None = None

    @property
    def code(self) -> str | None:
        """The reason's code."""
        return self.reason.code if self.reason else None
