"""What a caller may have of sets, models, datasets and jobs: decided here, and nowhere else."""

from dataclasses import asdict, replace
from typing import Any

from service.context import AppContext
from service.domain import errors
from service.domain.clearance import Clearance
from service.domain.job import Event, EventKind, Job, JobKind
from service.domain.records import ArtifactRef, Dataset, Model, SyntheticSet
from service.domain.verdict import PRIVATE_READ, WEIGHTS_READ, Verdict

# of a dataset's summary, what no patient's earlier fold has a part in
OPEN_SUMMARY = ("num_exact_duplicates", "num_upsampled", "has_patient_ids")
# of a model's card, what tells how the images of its dataset were split, and which they are
PRIVATE_CARD = ("dataset_fingerprint", "num_training_images")


def require(context: AppContext, scope: str) -> None:
    """Insist that the caller holds a scope.

    Raises:
        ScopeMissing: It does not.
    """
    if scope not in context.scopes:
        raise errors.ScopeMissing.named(scope)


def images(context: AppContext, made: SyntheticSet) -> ArtifactRef:
    """Return a set's archive, if the caller may have it.

    Raises:
        SetRefused, SetInconclusive: Nobody may.
        ScopeMissing: Only those who may read what is private.
    """
    return _reachable(context, made, made.zip)


def manifest(context: AppContext, made: SyntheticSet) -> ArtifactRef:
    """Return a set's table of contents, if the caller may have it; raises as `images` does."""
    return _reachable(context, made, made.manifest)


def findings(context: AppContext, made: SyntheticSet) -> ArtifactRef:
    """Return what the gate saw image by image.

    Raises:
        ScopeMissing: Only those who may read what is private may have it.
    """
    require(context, PRIVATE_READ)
    return made.findings


def weights(context: AppContext, model: Model) -> ArtifactRef:
    """Return a model's weights.

    Raises:
        ScopeMissing: The caller may not have any.
        WeightsNotCleared: Nobody may have these.
    """
    require(context, WEIGHTS_READ)
    clearance = Clearance.of(model, context.records.examined_sets(model.id))
    if not clearance.may_leave:
        raise errors.WeightsNotCleared(clearance.text)
    return replace(model.snapshot, sha256=model.card["weights_sha256"])


def event(context: AppContext, entry: Event) -> Event:
    """Return a log entry as the caller may read it.

    Images that a model draws while it trains were not examined: without the scope private:read
    the entry says only that there are some.
    """
    if entry.kind != EventKind.SAMPLE or PRIVATE_READ in context.scopes:
        return entry
    told = {name: value for name, value in entry.data.items() if name != "png_base64"}
    return replace(entry, data={**told, "needs_scope": PRIVATE_READ})


def dataset(context: AppContext, found: Dataset) -> dict[str, Any]:
    """Return the fields of a dataset as the caller may read them.

    A patient keeps the fold of earlier datasets, so how many images are in which fold tells whoever
    adds one image who was trained on. Files may be named after patients. Both are for the scope
    private:read.
    """
    told = asdict(found)
    if PRIVATE_READ in context.scopes:
        return told
    return told | {
        "classes": {
            label: dict.fromkeys(split) | {"images": split["images"]}
            for label, split in told["classes"].items()
        },
        "fingerprint": None,
        "dropped": [each | {"file": None} for each in told["dropped"]],
        "summary": {name: found.summary[name] for name in OPEN_SUMMARY if name in found.summary},
    }


def model(context: AppContext, found: Model) -> Model:
    """Return a model as the caller may read it: its card may tell how its dataset was split."""
    if PRIVATE_READ in context.scopes:
        return found
    card = {name: value for name, value in found.card.items() if name not in PRIVATE_CARD}
    return replace(found, card=card)


def job(context: AppContext, found: Job) -> Job:
    """Return a job as the caller may read it: an ingest's error may name files."""
    error = found.error
    if found.kind != JobKind.INGEST or PRIVATE_READ in context.scopes:
        return found
    if error is None or not error.fields:
        return found
    detail = f"{error.detail} Callers with the scope {PRIVATE_READ} are told which files."
    return replace(found, error=replace(error, detail=detail, fields=()))


def _reachable(
    context: AppContext, made: SyntheticSet, artifact: ArtifactRef | None
) -> ArtifactRef:
    verdict = made.verdict
    if verdict.for_research:
        require(context, PRIVATE_READ)
    elif not verdict.released:
        kind = errors.SetRefused if verdict.outcome == "refused" else errors.SetInconclusive
        raise kind(_why(made, verdict))
    assert artifact is not None, "the images of a set that may be read are kept"
    return artifact


def _why(made: SyntheticSet, verdict: Verdict) -> str:
    return " ".join((f"{made.id} is {verdict}.", *verdict.reasons, *verdict.remedies))
