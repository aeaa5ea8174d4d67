"""From what was measured of a set to its report."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

from release.fidelity.results import Fidelity
from release.gate.public_result import PublishedVerdict
from release.gate.result import GateResult
from release.report.pretraining import of_pretraining
from release.report.schema import DatasetSummary, ExaminationCount, ModelSummary, Report, SetSummary
from release.sample_spec import InterpolatedSample, Origins, count_by_class
from release.utility.results import Utility

SOFTWARE = ("synthcxr", "torch", "numpy", "scipy")  # of which versions decide the figures
ALWAYS = (
    "A pass bounds the attacks that were run on this set. It does not bound every attack.",
    "A model generated the images. They are not for diagnosis; labels are those requested.",
    "Biases of the real images (classes that differ in age, sex or hospital) are in the set too.",
)
NO_PATIENT_IDS = (
    "The dataset names no patients, so each image counts as one patient. Images of one patient "
    "may lie on both sides of the split, which hides copies and makes figures look better than "
    "they are."
)
NOT_REQUESTED = "Utility was not measured: request the full report."
NOT_RELEASED = "Utility was not measured, since the set is not released."
SMALL_SET = (
    "The set is small. It was examined and measured together with further images generated for "
    "that, which are not in it."
)
INTERPOLATIONS = (
    "Interpolated images depend on each other. The tests count them as independent, so for these "
    "they are approximate."
)


@dataclass(frozen=True)
class Evaluation:
    """All that was measured of a set.

    Attributes:
        examination: By the gate.
        fidelity: None where there were too few images to compare.
        further_fidelity: The same by each network that the operator supplies.
        utility: None where it was not asked for, or the set may not be released anyway.
    """

    examination: GateResult
    fidelity: Fidelity | None = None
    further_fidelity: tuple[Fidelity, ...] = ()
    utility: Utility | None = None


def build_report(
    set_id: str,
    model: ModelSummary,
    dataset: DatasetSummary,
    evaluation: Evaluation,
    origins: Origins,
    examination_count: ExaminationCount,
) -> Report:
    """Bring together all that may be published about a set.

    Args:
        set_id: As its request names it.
        model: What generated it.
        dataset: What the model was trained on.
        evaluation: What was measured of it.
        origins: What its images were sampled from.
        examination_count: Which of its model's sets it is, and how many may be examined.
    """
    of_class, of_none = count_by_class(origins.released)
    num_generated, num_rejected = len(origins.generated), len(origins.rejected)
    verdict = evaluation.examination.verdict
    return Report(
        set=SetSummary(
            id=set_id,
            class_counts=of_class,
            unlabelled_counts=of_none,
            generated=num_generated,
            rejected=num_rejected,
            released=len(origins.released),
            examination=examination_count,
        ),
        model=model,
        dataset=dataset,
        verdict=PublishedVerdict.of(verdict),
        gate=evaluation.examination.published(),
        fidelity=evaluation.fidelity,
        further_fidelity=evaluation.further_fidelity,
        utility=evaluation.utility,
        versions={name: version(name) for name in SOFTWARE},
        limits=(
            *ALWAYS,
            *([] if dataset.patient_ids else [NO_PATIENT_IDS]),
            *([SMALL_SET] if 0 < len(origins.released) < num_generated - num_rejected else []),
            *of_pretraining(model),
            *([INTERPOLATIONS] if InterpolatedSample.kind in of_none else []),
            *([] if evaluation.utility else [NOT_REQUESTED if verdict.released else NOT_RELEASED]),
        ),
    )
