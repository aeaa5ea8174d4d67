"""The privacy audit of a model as the client sees it, and what goes with its weights."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from synthcxr.resources import Model, Verdict, View


class WhiteBox(View):
    """Whether a membership inference attack on a model's weights succeeds.

    Attributes:
        statistic: Area under the attack's ROC curve; 0.5 is guessing.
        p_value: Of the exact test that membership cannot be inferred.
        text: The result in words.
        passed: Whether it was negative with enough power.
        min_detectable_share: The smallest share of memorised patients that the audit detects.
        scores: The fitted parts of the model whose scores were tested.
    """

    statistic: float | None = None
    p_value: float | None = None
    text: str = ""
    passed: bool = False
    min_detectable_share: float | None = None
    scores: list[str] = Field(default_factory=list)


class Clearance(View):
    """Whether a model's weights are cleared for release, on what ground and on what terms.

    Attributes:
        ground: None where they are not cleared.
        notice: The terms.
    """

    cleared: bool = False
    ground: str | None = None
    text: str = ""
    notice: str = ""


class AuditedSet(View):
    """The verdict of one of a model's sets.

    Attributes:
        number: Which of the model's sets was examined, from 1.
    """

    id: str
    number: int
    verdict: Verdict
    created_at: datetime | None = None


class ModelAudit(View):
    """The privacy audit of a model.

    Attributes:
        white_box: None where the audit pool holds too few patients, or where differential privacy
            takes the audit's place.
        weights: Whether they are cleared for release.
        sets: Every examined set in its order, refused and deleted ones too.
    """

    model_id: str
    white_box: WhiteBox | None = None
    weights: Clearance
    sets: list[AuditedSet] = Field(default_factory=list)


class WeightsDescription(View):
    """What weights are built into, on what ground they were released and on what terms.

    Attributes:
        sha256: Of the weights' file, in hexadecimal.
        model: Identifier, family, image size, classes and config.
        differential_privacy: What the model's card promises, if anything.
    """

    sha256: str
    model: dict[str, Any]
    clearance: Clearance
    white_box: WhiteBox | None = None
    differential_privacy: dict[str, Any] | None = None

    @classmethod
    def of(cls, model: Model, audit: ModelAudit, sha256: str) -> Self:
        """Describe the weights of a model.

        Nothing else of its card is included: its seed and its curves are of the private images.

        Args:
            model: The model.
            audit: Its audit.
            sha256: Of the weights' file, in hexadecimal.
        """
        view = model.model_dump(mode="json")
        built = ("id", "family", "image_size", "classes", "config")
        return cls(
            sha256=sha256,
            model={name: view.get(name) for name in built},
            clearance=audit.weights,
            white_box=audit.white_box,
            differential_privacy=model.card.get("differential_privacy"),
        )
