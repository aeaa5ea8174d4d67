"""What a report says: the JSON `synthcxr-report/1` as frozen types.

Every document of a set is drawn from this and from nothing else, so no number in them was typed by
hand. Its parts are the results themselves: `release.gate.public_result`,
`release.fidelity.results` and `release.utility.results`. What could not be measured is None, never
a made-up value; so is a part that was not reached, as a refused set is not measured further.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, JsonValue

from release.fidelity.results import Fidelity
from release.gate.public_result import Part, PublishedGate, PublishedVerdict
from release.utility.results import Utility

FORMAT: Literal["synthcxr-report/1"] = "synthcxr-report/1"


class ExaminationCount(Part):
    """How often a model's sets have been examined: each time is a chance to miss something.

    Attributes:
        number: Which of its model's examined sets this is, from 1; refused ones count.
        at_most: How many of them the service examines.
    """

    number: int = Field(ge=1)
    at_most: int = Field(ge=1)


class SetSummary(Part):
    """The synthetic set.

    Attributes:
        id: Derived from the request.
        class_counts: Images of each class in the set; none where it was refused.
        unlabelled_counts: Images of no class in the set, by origin ("mixture", "interpolation").
        generated: Images drawn in all rounds.
        rejected: Images dropped by the gate, in all rounds.
        released: Images in the set; 0 where it was refused.
        examination: Which of its model's sets it is.
    """

    id: str
    class_counts: Mapping[str, int]
    unlabelled_counts: Mapping[str, int] = Field(default_factory=dict)
    generated: int = Field(ge=0)
    rejected: int = Field(ge=0)
    released: int = Field(ge=0)
    examination: ExaminationCount


class Guarantee(Part):
    """Differential privacy the model was trained with, (epsilon, delta) for a whole patient."""

    epsilon: float = Field(gt=0)
    delta: float = Field(gt=0, lt=1)
    unit: Literal["patient"] = "patient"


class PublicSource(Part):
    """Images that anybody may have, as whoever added them declared."""

    licence: str
    source: str


class Pretraining(Part):
    """What the model's training started from.

    Attributes:
        init_from: A model of the service, or a base that learned from phantoms alone.
        weights_sha256: Of its weights.
        public_data: All that it had learned from, where all of it is public; none where anything is
            private.
        num_inherited: Other private datasets that its weights had learned from.
    """

    init_from: str
    weights_sha256: str
    public_data: tuple[PublicSource, ...] = ()
    num_inherited: int = Field(0, ge=0)


class ModelSummary(Part):
    """The model; `differential_privacy` is None where no guarantee is claimed.

    `image_size` is the side at which it draws, `upscaled_to` that of the set's images where its
    second stage has enlarged them, None where not. `pretraining` is None where its weights began at
    random.
    """

    id: str
    family: str
    image_size: int
    upscaled_to: int | None = None
    config_sha256: str
    snapshot_sha256: str
    differential_privacy: Guarantee | None = None
    pretraining: Pretraining | None = None

    @property
    def set_size(self) -> int:
        """Side of the set's images, in pixels."""
        return self.upscaled_to or self.image_size


class DatasetSummary(Part):
    """The real images, coarsely.

    Attributes:
        version: Keyed hash of the dataset version.
        class_counts: Images of each class, rounded so that no single patient shows.
        patient_ids: Whether patients were named. Unless a dataset says so it is taken not to
            name them, and every document warns that each image was counted as a patient.
        public: Set where they were declared public.
    """

    version: str
    class_counts: Mapping[str, int]
    patient_ids: bool = False
    public: PublicSource | None = None


class Report(Part):
    """All that is known of a set, as `report.json` holds it.

    `further_fidelity` is `fidelity` once more by each network that the operator supplies; the gate
    goes by our own alone. `versions` are those of the software that made and examined the set.
    """

    format: Literal["synthcxr-report/1"] = FORMAT
    set: SetSummary
    model: ModelSummary
    dataset: DatasetSummary
    verdict: PublishedVerdict
    gate: PublishedGate
    fidelity: Fidelity | None = None
    further_fidelity: tuple[Fidelity, ...] = ()
    utility: Utility | None = None
    limits: tuple[str, ...] = ()
    versions: Mapping[str, str] = Field(default_factory=dict)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a report.

        Raises:
            ValueError: A field is missing, unknown or out of its range.
        """
        return cls.model_validate_json(data)

    def to_json(self) -> bytes:
        """Write the report in its one form."""
        return canonical_json(self.model_dump(mode="json"))


def canonical_json(values: JsonValue | Mapping[str, JsonValue]) -> bytes:
    """Write JSON values with sorted keys, so that equal values are equal bytes."""
    text = json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"
