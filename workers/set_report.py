"""From what was found of a set to its report."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from release.fidelity.results import Fidelity
from release.gate.result import GateResult
from release.package.hashing import rounded_count
from release.report.schema import FORMAT, Report
from release.samples import ClassSample, InterpolatedSample, SampleSpec
from release.utility.results import Utility
from service.domain.records import Dataset, Model

BIASES = (
    "What is lopsided in the real images, such as classes that differ in age, sex or hospital, is "
    "lopsided in the synthetic ones."
)
ALWAYS = (
    "A pass bounds the attacks that were tried on this set; it does not bound every attack.",
    "A model drew the images: they are not for diagnosis, and their labels are what was asked for.",
    BIASES,
)
NO_PATIENT_IDS = (
    "The dataset names no patients, so each image counts as one: images of the same patient may "
    "lie on both sides of the split, which hides copies and makes figures look better than they "
    "are."
)
NOT_ASKED = "What the images are good for was not measured: ask for the full report."
NOT_MEASURED = "What the images are good for was not measured, since they do not leave."

SMALL_SET = (
    "The set is small: it was examined, and its figures measured, together with further images "
    "drawn for that, which are not in it."
)
WAYS = (
    "Images on the way between two seeds depend on each other; the tests count them as "
    "independent, so for these they are approximate."
)


def report_of(
    set_id: str,
    model: Model,
    dataset: Dataset,
    examination: GateResult,
    fidelity: Fidelity | None,
    further_fidelity: Sequence[Fidelity],
    utility: Utility | None,
    *,
    num_drawn: int,
    released: Iterable[SampleSpec],
    examination_count: Mapping[str, int],
) -> Report:
    """Bring together all that may be said of a set in public.

    Args:
        set_id: As its request names it.
        model: What drew it.
        dataset: What the model learned from.
        examination: What the gate found.
        fidelity: How real the images look; None where they were too few to be measured.
        further_fidelity: The same by each network that the operator supplies.
        utility: What they are good for; None where it was not asked for.
        num_drawn: Images drawn in all rounds.
        released: What the images that were kept were drawn from.
        examination_count: Which of its model's sets it is, and how many may be examined.
    """
    counts = counted(released)
    num_released = sum(number for kinds in counts for number in kinds.values())
    private = model.card.get("differential_privacy")
    has_patient_ids = bool(dataset.summary.get("has_patient_ids"))
    content = {
        "format": FORMAT,
        "set": {
            "id": set_id,
            "class_counts": counts[0],
            "unlabelled_counts": counts[1],
            "generated": num_drawn,
            "rejected": int((~examination.kept).sum()),
            "released": num_released,
            "examination": examination_count,
        },
        "model": {
            "id": model.id,
            "family": model.family,
            "image_size": model.image_size,
            "config_sha256": config_digest(model.config),
            "snapshot_sha256": model.snapshot.sha256,
            "dp": {name: private[name] for name in ("epsilon", "delta")} if private else None,
        },
        "dataset": {
            "version": dataset.version,
            "classes": {
                label: {"images": rounded_count(split.images)}
                for label, split in dataset.classes.items()
            },
            "patient_ids": has_patient_ids,
        },
        **examination.public(),
        "fidelity": fidelity.described_in_full() if fidelity else None,
        "further_fidelity": [each.described_in_full() for each in further_fidelity],
        "utility": utility.described_in_full() if utility else None,
        "limits": [
            *ALWAYS,
            *([] if has_patient_ids else [NO_PATIENT_IDS]),
            *([SMALL_SET] if 0 < num_released < int(examination.kept.sum()) else []),
            *([WAYS] if InterpolatedSample.kind in counts[1] else []),
            *([] if utility else [NOT_ASKED if examination.verdict.released else NOT_MEASURED]),
        ],
    }
    return Report.model_validate(content)


def counted(images: Iterable[SampleSpec]) -> tuple[Counter[str], Counter[str]]:
    """Count images of each class, and those of none by kind."""
    of_class: Counter[str] = Counter()
    of_none: Counter[str] = Counter()
    for image in images:
        if isinstance(image, ClassSample):
            of_class[image.label] += 1
        else:
            of_none[image.kind] += 1
    return of_class, of_none


def config_digest(config: Mapping[str, Any]) -> str:
    """Name a configuration by its content, in hexadecimal."""
    canonical = json.dumps(dict(config), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
