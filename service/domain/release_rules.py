"""Rules across the sets of a model or dataset: numbers, quotas, what counts in the next one."""

from collections.abc import Sequence
from dataclasses import replace

from service.domain.errors import (
    ExaminationsSpent,
    FindingsSpent,
    PreviewsSpent,
    ReleasesChanged,
)
from service.domain.records import ExaminedSet, GeneratedSet, SyntheticSet


def examination_number(set_id: str, of_model: Sequence[ExaminedSet]) -> int:
    """Return which set of its model's line one is, from 1; examined before, it keeps its number."""
    return next((each.number for each in of_model if each.id == set_id), len(of_model) + 1)


def check_examinations(model_id: str, number: int, max_sets: int) -> None:
    """Raise ExaminationsSpent past the limit: each set is one more chance for a false negative."""
    if number > max_sets:
        raise ExaminationsSpent(
            f"{max_sets} sets of model {model_id}, and of those that it started from or that "
            "started from it, have been examined, whatever was found of them, and each further one "
            "would be one more chance for copies to be missed. Ask for one of these again, train "
            "another model without `init_from` or from a base, or let the operator raise "
            "SYNTHCXR_MAX_EXAMINATIONS_PER_MODEL."
        )


def sets_before(
    set_id: str, of_model: Sequence[ExaminedSet], releases: Sequence[ExaminedSet]
) -> list[ExaminedSet]:
    """Return the sets that count in the examination of another.

    Args:
        set_id: The set that is examined.
        of_model: Every examined set of its model's line.
        releases: Every released set of the datasets that share patients with its own.

    Returns:
        Those of its line with a lower number, so that a set made once more is examined as it was
        the first time, and all releases but itself.
    """
    number = examination_number(set_id, of_model)
    counted = {each.id: each for each in of_model if each.number < number}
    counted |= {each.id: each for each in releases if each.id != set_id}
    return list(counted.values())


def examined(
    output: GeneratedSet, of_model: Sequence[ExaminedSet], releases: Sequence[ExaminedSet]
) -> ExaminedSet:
    """Return what is kept of an examination, once nothing that counts in it has changed meanwhile.

    Args:
        output: The set that was examined, and the sets that its examination took into account.
        of_model: Every examined set of its model's line, itself too where it was examined before.
        releases: Every released set of the datasets that share patients with its own.

    Raises:
        ReleasesChanged: It missed one.
    """
    made = output.synthetic_set
    missing = {each.id for each in sets_before(made.id, of_model, releases)} - {
        *output.examined_after
    }
    if missing:
        raise ReleasesChanged(
            f"{', '.join(sorted(missing))}, of the same model or of a dataset with the same "
            f"patients, was examined at the same time as {made.id}. The job is done once more."
        )
    there = next((each for each in of_model if each.id == made.id), None)
    if there is None:
        return ExaminedSet(
            id=made.id,
            model_id=made.model_id,
            dataset_id=made.dataset_id,
            number=len(of_model) + 1,
            verdicts=(made.verdict,),
            tally=output.tally,
            created_at=made.created_at,
        )
    if there.verdict == made.verdict:
        return there
    return replace(there, verdicts=(*there.verdicts, made.verdict))


def set_after_withdrawal(there: SyntheticSet, made: SyntheticSet) -> SyntheticSet:
    """Return what stands for a set that was withdrawn and is made once more.

    One that was released stays so, whatever is found now that there are later releases: its images
    are outside. That findings were read is not forgotten.
    """
    if there.released and not made.released:
        return replace(there, withdrawn=False)
    return replace(made, findings_read=there.findings_read)


def check_findings(model_id: str, num_read: int, max_sets: int) -> None:
    """Raise FindingsSpent where the findings of too many sets of a model have been read."""
    if num_read >= max_sets:
        raise FindingsSpent(
            f"The findings of {num_read} sets of model {model_id} have been read, and more would "
            "disclose too much about single images. The operator may raise "
            "SYNTHCXR_MAX_FINDINGS_PER_MODEL."
        )


def check_previews(model_id: str, num_ordered: int, max_previews: int) -> None:
    """Raise PreviewsSpent where too many previews of a model have been ordered.

    Args:
        model_id: The model.
        num_ordered: So many before this one, those whose jobs were deleted too.
        max_previews: The limit.
    """
    if num_ordered >= max_previews:
        raise PreviewsSpent(
            f"{num_ordered} previews of model {model_id} have been ordered, and nobody examines "
            "what they show. Look at those that there are (GET /jobs?kind=preview), or generate "
            "a set, which is examined. The operator may raise SYNTHCXR_MAX_PREVIEWS_PER_MODEL."
        )
