"""Whether a model's weights may leave the building, and on what ground."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from service.domain.records import ExaminedSet, Model

Ground = Literal["white_box_audit", "differential_privacy"]

REMEDIES = (
    "Train another model: for less long, smaller, with stronger augmentation, on more patients, "
    "or with differential privacy."
)
NOTICE = (
    "For whoever holds these weights: not for diagnosis; do not try to find out whose images they "
    "were learned from; hand them on only with what is said here of their privacy. The images they "
    "were learned from, and what their owners allow, still bind whoever gives the weights away."
)


@dataclass(frozen=True, slots=True)
class Clearance:
    """What was decided of a model's weights.

    Attributes:
        ground: What lets them leave; None keeps them.
        text: Why, and where they stay what may help, in sentences.
    """

    ground: Ground | None
    text: str

    @property
    def may_leave(self) -> bool:
        """Whether the weights may leave."""
        return self.ground is not None

    @classmethod
    def of(cls, model: Model, sets: Sequence[ExaminedSet]) -> "Clearance":
        """Decide by the model's card and by every set of it that was examined, deleted ones too.

        Weights tell at least what images drawn from them tell, so one refused set keeps them. Then
        differential privacy lets them leave, since all that is in a private model is accounted
        for; or the audit at the end of the training, where it found nothing and would have.
        """
        refused = [each.id for each in sets if each.refused]
        if refused:
            return cls(
                None,
                f"The weights of {model.id} stay: {', '.join(refused)}, drawn by it, was refused "
                f"for what it tells of the training images. {REMEDIES}",
            )
        private = model.card.get("differential_privacy")
        if private:
            return cls(
                "differential_privacy",
                f"The weights are {private['label']}: whatever is done with them, that bound "
                "holds for each patient they were learned from.",
            )
        audit = model.card.get("white_box")
        if audit is None:
            return cls(
                None,
                f"The weights of {model.id} stay: they could not be audited, since too few "
                "patients had a coin. Ingest more patients and train again, or train with "
                "differential privacy.",
            )
        if not audit["public"]["weights_may_leave"]:
            return cls(None, f"The weights of {model.id} stay. {audit['text']} {REMEDIES}")
        return cls(
            "white_box_audit",
            f"{audit['text']} That bounds this attack, not every attack on weights.",
        )
