"""Access rules: which caller may read what of datasets, jobs, models and sets; and of weights, why.

Every rule takes the scopes that the caller holds and what is asked for. No other module decides.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from release.gate.verdict import Verdict
from service.domain import errors
from service.domain.caller import DATASETS, GENERATE, PRIVATE_READ, TRAIN, WEIGHTS_READ
from service.domain.job import Event, EventKind, Job, JobKind
from service.domain.json_form import as_json
from service.domain.records import (
    ArtifactRef,
    Dataset,
    DroppedFile,
    ExaminedSet,
    ImageWithText,
    Model,
    SyntheticSet,
)
from service.domain.requests import IngestRequest, ScoreRequest

Scopes = Collection[str]
Ground = Literal["white_box_audit", "differential_privacy"]

WHO_MAY_SEE = (
    f"It is not to be released. Only who may see the real images may see these (scope "
    f"{PRIVATE_READ}); its report is for everybody."
)
DROPPED_SHOWN = 5  # files that were left out, in the view of a dataset itself
# entries of a dataset's summary that do not depend on how earlier datasets were split
PUBLIC_SUMMARY = (
    *("num_exact_duplicates", "num_upsampled", "has_patient_ids", "num_with_text"),
    *("num_images_with_patient", "patient_source", "layout", "release_plan"),
)


_SCOPE_OF_KIND = {
    JobKind.INGEST: DATASETS,
    JobKind.TRAIN: TRAIN,
    JobKind.GENERATE: GENERATE,
    JobKind.PUSH: GENERATE,
    JobKind.SCORE: PRIVATE_READ,
    JobKind.PREPARE: TRAIN,
    JobKind.PREVIEW: PRIVATE_READ,
}


def require(scopes: Scopes, scope: str) -> None:
    """Raise ScopeMissing unless the caller holds a scope."""
    if scope not in scopes:
        raise errors.ScopeMissing.named(scope)


def change_job(scopes: Scopes, found: Job) -> None:
    """Raise ScopeMissing unless the caller may cancel, retry or delete a job of this kind."""
    require(scopes, _SCOPE_OF_KIND[found.kind])


def images(scopes: Scopes, made: SyntheticSet) -> ArtifactRef:
    """Return a set's archive.

    Raises:
        SetRefused, SetInconclusive: No caller may have it.
        ScopeMissing: Only callers with the scope private:read may have it.
    """
    return _released(scopes, made, made.zip)


def manifest(scopes: Scopes, made: SyntheticSet) -> ArtifactRef:
    """Return a set's table of contents; raises as `images` does."""
    return _released(scopes, made, made.manifest)


def to_be_pushed(made: SyntheticSet) -> ArtifactRef:
    """Return the archive of a set that may be sent to another system: a released one alone.

    Raises:
        SetRefused, SetInconclusive: It was not released.
    """
    if made.verdict.for_research:
        raise errors.SetInconclusive(f"{_why(made, made.verdict)} Only released sets are pushed.")
    return _released((), made, made.zip)


def findings(scopes: Scopes, made: SyntheticSet) -> ArtifactRef:
    """Return a set's findings per image, for callers with the scope private:read alone."""
    require(scopes, PRIVATE_READ)
    return made.findings


def weights(
    scopes: Scopes, model: Model, sets: Sequence[ExaminedSet], *, refused_elsewhere: bool = False
) -> ArtifactRef:
    """Return a model's weights.

    Args:
        scopes: The caller's.
        model: The model.
        sets: Every examined set of it.
        refused_elsewhere: Whether one of another tenant's equal model was refused.

    Raises:
        ScopeMissing: Only callers with the scope weights:read may have weights.
        WeightsNotCleared: No caller may have these.
    """
    require(scopes, WEIGHTS_READ)
    clearance = Clearance.of(model, sets, refused_elsewhere=refused_elsewhere)
    if not clearance.cleared:
        raise errors.WeightsNotCleared(clearance.text)
    return replace(model.snapshot, sha256=model.card.weights_sha256)


def event(scopes: Scopes, entry: Event) -> Event:
    """Return a log entry as the caller may read it.

    Images that a model draws while it trains were not examined: without the scope private:read
    the entry only says that there are some.
    """
    if entry.kind != EventKind.SAMPLE or PRIVATE_READ in scopes:
        return entry
    public = {name: value for name, value in entry.data.items() if name != "png_base64"}
    return replace(entry, data={**public, "needs_scope": PRIVATE_READ})


def dataset(scopes: Scopes, found: Dataset) -> dict[str, Any]:
    """Return the fields of a dataset as the caller may read them.

    A patient keeps the split of earlier datasets, so the counts per split would show anybody who
    adds one image whether that patient was trained on. Files may be named after patients. Both
    need the scope private:read.
    """
    fields = asdict(found) | {
        "source": as_json(found.source),
        "dropped": [asdict(each) for each in found.dropped[:DROPPED_SHOWN]],
        "dropped_counts": found.dropped_counts or Counter(each.code for each in found.dropped),
    }
    if PRIVATE_READ in scopes:
        return fields
    return fields | {
        "classes": {
            label: dict.fromkeys(split) | {"images": split["images"]}
            for label, split in fields["classes"].items()
        },
        "fingerprint": None,
        "dropped": [each | {"file": None} for each in fields["dropped"]],
        "summary": {name: found.summary[name] for name in PUBLIC_SUMMARY if name in found.summary},
    }


def listed_file(scopes: Scopes, found: DroppedFile | ImageWithText) -> dict[str, Any]:
    """Return a file of a dataset's list; its name needs the scope private:read."""
    return asdict(found) | ({} if PRIVATE_READ in scopes else {"file": None})


def model(scopes: Scopes, found: Model) -> Model:
    """Return a model as the caller may read it: its card may show how its dataset was split."""
    if PRIVATE_READ in scopes:
        return found
    card = replace(found.card, dataset_fingerprint=None, num_training_images=None)
    return replace(found, card=card)


def job(scopes: Scopes, found: Job) -> Job:
    """Return a job as the caller may read it.

    The error of an ingest or of a scoring may name files, and the queries of an ingest may name
    patients and studies.
    """
    error, request = found.error, found.request
    if not isinstance(request, IngestRequest | ScoreRequest) or PRIVATE_READ in scopes:
        return found
    if isinstance(request, IngestRequest):
        source = request.source.without_identifiers
        if source != request.source:
            found = replace(found, request=replace(request, source=source))
    if error is None or not error.fields:
        return found
    detail = f"{error.detail} Callers with the scope {PRIVATE_READ} can read which files."
    return replace(found, error=replace(error, detail=detail, fields=()))


def _released(scopes: Scopes, made: SyntheticSet, artifact: ArtifactRef | None) -> ArtifactRef:
    verdict = made.verdict
    if verdict.for_research:
        if PRIVATE_READ not in scopes:
            raise errors.ScopeMissing(f"{_why(made, verdict)} {WHO_MAY_SEE}")
    elif not verdict.released:
        refused = verdict.outcome == "refused"
        kind = errors.SetRefused if refused else errors.SetInconclusive
        raise kind(_why(made, verdict))
    assert artifact is not None, "the images of a set that may be read are kept"
    return artifact


def _why(made: SyntheticSet, verdict: Verdict) -> str:
    """Say the verdict, all its reasons and all remedies, in sentences."""
    sentences = [f"{made.id} is {verdict}."]
    if verdict.reasons:
        sentences.append(f"Why: {'; '.join(verdict.reasons)}.")
    if verdict.remedies:
        sentences.append(f"What may help: {'; '.join(verdict.remedies)}.")
    return " ".join(sentences)


REMEDIES = (
    "Train another model: for less long, smaller, with stronger augmentation, on more patients, "
    "or with differential privacy."
)
NOTICE = (
    "For whoever holds these weights: not for diagnosis; do not try to find out whose images they "
    "were trained on; pass them on only with this statement of their privacy. The terms under "
    "which those images may be used also bind whoever shares the weights."
)


@dataclass(frozen=True, slots=True)
class Clearance:
    """Whether a model's weights are cleared for release.

    Attributes:
        ground: What clears them; None where nothing does.
        text: Why, and where they are not cleared what may help, in sentences.
    """

    ground: Ground | None
    text: str

    @property
    def cleared(self) -> bool:
        """Whether the weights may be released."""
        return self.ground is not None

    @classmethod
    def of(
        cls, model: Model, sets: Sequence[ExaminedSet], *, refused_elsewhere: bool = False
    ) -> "Clearance":
        """Decide from the model's card and every examined set of it, deleted ones included.

        Weights disclose at least what images drawn from them disclose, so one refused set blocks
        them. Otherwise differential privacy clears them, since all that is in a private model is
        within its privacy budget; or the membership audit at the end of the training, where it
        was negative with enough power.
        """
        refused = ", ".join(each.id for each in sets if each.refused)
        if refused or refused_elsewhere:
            which = f"{refused}, drawn by it," if refused else "a set drawn by the same weights"
            return cls(
                None,
                f"The weights of {model.id} are not cleared: {which} was refused for what it "
                f"discloses of the training images. {REMEDIES}",
            )
        private = model.card.differential_privacy
        if private:
            return cls(
                "differential_privacy",
                f"The weights are {private.label}: whatever is done with them, that bound "
                "holds for each patient they were trained on.",
            )
        if model.inherited:
            return cls(
                None,
                f"The weights of {model.id} are not cleared: through the model that their training "
                f"started from they also learned from {', '.join(model.inherited)}, whose patients "
                "the audit does not ask. Train without init_from, or from a base.",
            )
        audit = model.card.white_box
        if audit is None:
            return cls(
                None,
                f"The weights of {model.id} are not cleared: they could not be audited, since the "
                "audit pool holds too few patients. Ingest more patients and train again, or "
                "train with differential privacy.",
            )
        if not audit.passed:
            return cls(None, f"The weights of {model.id} are not cleared. {audit.text} {REMEDIES}")
        return cls(
            "white_box_audit",
            f"{audit.text} That bounds this attack, not every attack on weights.",
        )
