"""What goes with a dataset or a model, and what must outlive it.

A deletion must not make room for what the release rules forbid: a set that was released stays
counted with later ones, a spent privacy budget stays spent, and patients keep their split. So some
figures stay, without what they were learned from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from release.gate.verdict import Verdict
from service.domain.deletion import Kept, Removed
from service.domain.job import Job
from service.domain.model_card import Memorisation
from service.domain.nearest_pairs import nearest_pairs_key
from service.domain.records import Dataset, ExaminedSet, Model, SyntheticSet

STILL_RELEASED = (
    "It was released: its images stay, out of reach, since whoever has them can put them together "
    "with later sets of the same patients, which are therefore examined together with them."
)
STAYS_USABLE = (
    "It learned from the dataset and can still be used, though no further set of it can be "
    "examined. Delete it too, or delete the dataset with cascade."
)
STARTED_FROM = (
    "Its training started from the model, and what its weights took over from it stays in them. "
    "Delete it too, or delete the dataset that the model learned from with cascade."
)
STAYS_READABLE = "It was made by the model. Delete it too, or delete the model with cascade."
ACCOUNT = (
    "The digest of its weights and its privacy account stay: what was spent of the patients' "
    "privacy budget, and how many of its sets were examined, must not be forgotten."
)
EXAMINATIONS = (
    "Verdicts and counts per class of the examined sets stay: a refusal is not undone by a "
    "deletion, and later sets are counted together with these."
)
PATIENTS = (
    "Numbers of the patients whose images models learned from stay: by them later sets are "
    "examined together with the earlier ones of the same patients."
)
LEDGER = (
    "keys/identities.npz keeps a small image and the split of every patient, so that nobody who "
    "was held out once is trained on later. It goes with the data directory alone."
)
AUDIT_LOG = "Identifiers of what was done and by whom; no content."


@dataclass(frozen=True, slots=True)
class Related:
    """What hangs on the record that is deleted.

    Attributes:
        models: Models of the dataset and those that inherit it, or the model itself.
        sets: Sets of these, withdrawn ones too.
        jobs: Jobs that made what goes.
        examined: What is kept of the examinations of sets of these models, or of the dataset.
        started: Models whose training started from the one that is deleted.
        dataset: What a model that is deleted was trained on, if that is there.
    """

    models: Sequence[Model]
    sets: Sequence[SyntheticSet]
    jobs: Sequence[Job]
    examined: Sequence[ExaminedSet]
    started: Sequence[Model] = ()
    dataset: Dataset | None = None


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What becomes of each record.

    Attributes:
        removed: What goes; records of these that are not named below are removed.
        kept: What stays, and why.
        models, sets, examined: Records that stay, stripped of content.
    """

    removed: tuple[Removed, ...]
    kept: tuple[Kept, ...]
    models: tuple[Model, ...] = ()
    sets: tuple[SyntheticSet, ...] = ()
    examined: tuple[ExaminedSet, ...] = ()


def dataset_deletion(dataset: Dataset, related: Related, *, cascade: bool) -> DeletionPlan:
    """Plan the deletion of a dataset; what was made of it goes with it where that is asked for."""
    key = (dataset.artifact.folder,) if dataset.artifact else ()
    gone = Removed("dataset", dataset.id, {}, key)
    kept = [Kept("patient_ledger", dataset.id, LEDGER), Kept("audit_log", dataset.id, AUDIT_LOG)]
    if related.examined:
        kept.append(Kept("trained_patients", dataset.id, PATIENTS))
    if not cascade:
        stay = (Kept("model", each.id, STAYS_USABLE) for each in related.models)
        return DeletionPlan((gone, *map(_job, related.jobs)), (*stay, *kept))
    return _with_what_was_made(gone, related, kept)


def model_deletion(model: Model, related: Related, *, cascade: bool) -> DeletionPlan:
    """Plan the deletion of a model; its sets go with it where that is asked for."""
    kept = [
        *(Kept("model", each.id, STARTED_FROM) for each in related.started),
        Kept("audit_log", model.id, AUDIT_LOG),
    ]
    if cascade:
        return _with_what_was_made(None, related, kept)
    there = (each for each in related.sets if not each.withdrawn)
    kept = [*(Kept("synthetic_set", each.id, STAYS_READABLE) for each in there), *kept]
    return _with_what_was_made(None, replace(related, sets=()), kept)


def _with_what_was_made(
    dataset: Removed | None, related: Related, kept: Sequence[Kept]
) -> DeletionPlan:
    """Remove models, sets and jobs; strip what the release rules still need."""
    examined_models = {each.model_id for each in related.examined}
    models = tuple(
        without_content(each)
        for each in related.models
        if each.id in examined_models or each.card.differential_privacy
    )
    sets = tuple(images_alone(each) for each in related.sets if each.released)
    removed = (
        *((dataset,) if dataset else ()),
        *map(_model, related.models),
        *(_set(each, related.dataset) for each in related.sets),
        *map(_job, related.jobs),
    )
    stay = [
        *(Kept("privacy_account", each.id, ACCOUNT) for each in models),
        *(Kept("synthetic_set", each.id, STILL_RELEASED) for each in sets),
        *(Kept("examinations", each, EXAMINATIONS) for each in sorted(examined_models)),
    ]
    bare = tuple(map(bare_examination, related.examined))
    return DeletionPlan(removed, (*stay, *kept), models, sets, bare)


def without_content(model: Model) -> Model:
    """Return what outlives a model: the digest of its weights and its privacy account."""
    card = replace(
        model.card,
        diagnosis=(),
        memorisation=Memorisation(not_measured="The model was deleted."),
        learning_curve=(),
        num_training_images=None,
        dataset_fingerprint=None,
        white_box=None,
    )
    return replace(model, classes=(), config={}, card=card, deleted=True)


def images_alone(made: SyntheticSet) -> SyntheticSet:
    """Return what outlives a released set: its images, out of reach."""
    return replace(
        made,
        class_counts={},
        unlabelled_counts={},
        verdict=_bare(made.verdict),
        manifest=None,
        withdrawn=True,
    )


def bare_examination(examined: ExaminedSet) -> ExaminedSet:
    """Return an examination without the sentences of its verdicts."""
    return replace(examined, verdicts=tuple(map(_bare, examined.verdicts)))


def _bare(verdict: Verdict) -> Verdict:
    return replace(verdict, reasons=(), remedies=())


def _model(model: Model) -> Removed:
    digests = {"weights": model.card.weights_sha256}
    return Removed("model", model.id, digests, (model.snapshot.folder,))


def _set(made: SyntheticSet, dataset: Dataset | None) -> Removed:
    beside_dataset = (nearest_pairs_key(dataset, made.id),) if dataset and dataset.artifact else ()
    digests = {each.name: each.sha256 for each in (made.zip, made.manifest) if each}
    if not made.released:
        return Removed("synthetic_set", made.id, digests, (made.report.folder, *beside_dataset))
    beside = ("manifest.json", "report.html", "report.json", "findings.json")
    digests.pop("set.zip", None)
    keys = tuple(f"{made.report.folder}/{name}" for name in beside)
    return Removed("synthetic_set", made.id, digests, (*keys, *beside_dataset))


def _job(job: Job) -> Removed:
    return Removed("job", job.id, {})
