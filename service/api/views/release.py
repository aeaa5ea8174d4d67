"""Bodies of answers about releases: sets and their verdicts, audits, signing keys."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from release.gate.verdict import Outcome
from service import examples
from service.api.views.base import Moment, View, attributes, shown
from service.domain.access import NOTICE, Clearance, Ground
from service.domain.ports import PublicKey
from service.domain.records import ExaminedSet, Model, SyntheticSet
from service.domain.release_plan import Outlook


class VerdictView(View):
    """The verdict of the gate on a set."""

    outcome: Outcome
    code: str | None = Field(description="Why a set is refused or inconclusive.")
    num_filtered: int = Field(description="Images that were dropped and drawn anew.")
    reasons: list[str]
    remedies: list[str]
    min_detectable_copy_rate: float | None = Field(
        description="The smallest share of copied images that the examination finds."
    )


class SyntheticSetView(View):
    """A labelled set of synthetic images, and whether it is released."""

    model_config = shown(examples.SYNTHETIC_SET)

    id: str
    model_id: str
    job_id: str
    num_images: int
    class_counts: dict[str, int]
    unlabelled_counts: dict[str, int] = Field(
        description="Images of no class, by kind: mixture, interpolation."
    )
    verdict: VerdictView
    num_bytes: int | None = Field(description="Size of the ZIP; null where no image was kept.")
    sha256: str | None = Field(description="Checksum of the ZIP; null where no image was kept.")
    created_at: Moment
    links: dict[str, str]

    @classmethod
    def of(cls, made: SyntheticSet) -> "SyntheticSetView":
        """Show a set."""
        return cls.model_validate(
            attributes(cls, made)
            | {
                "num_bytes": made.zip.num_bytes if made.zip else None,
                "sha256": made.zip.sha256 if made.zip else None,
                "links": _links_of_set(made),
            }
        )


class PlanView(View):
    """Whether a set can pass, as far as the numbers of patients and of images say."""

    can_pass: bool
    reasons: list[str] = Field(description="Why it cannot; empty where it can.")
    remedies: list[str]
    class_counts: dict[str, int] | None = Field(
        description="Counts with which a set can pass; null where these can, or none can."
    )
    num_examined: int = Field(
        description="Images that are examined, those beyond the request included; 0 where nothing "
        "is known of the dataset."
    )

    @classmethod
    def of(cls, found: Outlook) -> "PlanView":
        """Show an outlook."""
        return cls.model_validate(attributes(cls, found))


class SigningKeyView(View):
    """A public key; `synthcxr verify --public-key` takes its `pem`."""

    model_config = shown(examples.SIGNING_KEY)

    id: str = Field(description="sha256 of the key (DER), in hex: a set's attestation names it.")
    algorithm: Literal["Ed25519"]
    pem: str
    current: bool = Field(description="Whether new sets are signed with it.")

    @classmethod
    def of(cls, key: PublicKey) -> "SigningKeyView":
        """Show a key."""
        return cls(id=key.id, algorithm="Ed25519", pem=key.pem, current=key.is_current)


class SigningKeysView(View):
    """All keys that sets of this service were signed with."""

    items: list[SigningKeyView]


class WhiteBoxView(View):
    """Whether a membership inference attack on the weights succeeds, by any part's scores."""

    statistic: float | None = Field(
        description="Area under the attack's ROC curve; 0.5 is guessing."
    )
    p_value: float | None = Field(
        description="Of the exact test that membership cannot be inferred."
    )
    text: str
    passed: bool = Field(description="Whether it was negative with enough power.")
    min_detectable_share: float = Field(
        description="The smallest share of memorised patients that the audit detects."
    )
    scores: list[str] = Field(
        description="The fitted parts of the model whose scores were tested: all that have one."
    )


class ClearanceView(View):
    """Whether a model's weights are cleared for release, on what ground, and on what terms."""

    cleared: bool
    ground: Ground | None = Field(description="Null where they are not cleared.")
    text: str
    notice: str


class AuditedSetView(View):
    """The verdict of one of a model's sets."""

    id: str
    number: int = Field(description="Which of the model's sets was examined, from 1.")
    verdict: VerdictView
    created_at: Moment


class AuditView(View):
    """The privacy audit of a model."""

    model_config = shown(examples.AUDIT)

    model_id: str
    white_box: WhiteBoxView | None = Field(
        description="Null where the audit pool holds too few patients, or where differential "
        "privacy takes the audit's place."
    )
    weights: ClearanceView
    sets: list[AuditedSetView] = Field(
        description="Every examined set in its order, refused and deleted ones too."
    )

    @classmethod
    def of(
        cls, model: Model, sets: Sequence[ExaminedSet], *, refused_elsewhere: bool = False
    ) -> "AuditView":
        """Show a model's audit."""
        found = model.card.white_box
        weights = Clearance.of(model, sets, refused_elsewhere=refused_elsewhere)
        return cls(
            model_id=model.id,
            white_box=WhiteBoxView.model_validate(found) if found else None,
            weights=ClearanceView.model_validate(
                attributes(ClearanceView, weights) | {"notice": NOTICE}
            ),
            sets=[AuditedSetView.model_validate(made) for made in sets],
        )


def _links_of_set(made: SyntheticSet) -> dict[str, str]:
    here = f"/synthetic-sets/{made.id}"
    links = {"self": here, "report": f"{here}/report", "certificate": f"{here}/certificate"}
    if made.zip:
        links |= {"manifest": f"{here}/manifest", "download": f"{here}/download"}
    return links
