"""Whether a set that is asked for can pass, by what the ingest found of its dataset."""

from collections import defaultdict

from service.context import AppContext
from service.domain import errors
from service.domain.release_plan import Outlook, ReleasePlan
from service.domain.requests import GenerateRequest


def outlook(context: AppContext, request: GenerateRequest) -> Outlook:
    """Say whether a set can pass; nothing is known of a dataset of an earlier version, or none."""
    try:
        dataset = context.records.catalog.dataset(request.dataset_id)
    except errors.DatasetNotFound:
        return Outlook()
    plan = ReleasePlan.from_json(dataset.summary.get("release_plan"))
    if plan is None:
        return Outlook()
    is_later = bool(context.records.releases.releases(dataset.id))
    wanted = images_by_class(request)
    return plan.outlook(wanted, round(sum(wanted.values())), is_later=is_later)


def images_by_class(request: GenerateRequest) -> dict[str, float]:
    """Count the images of each class; those of several count for each by their weights."""
    wanted: defaultdict[str, float] = defaultdict(float, request.class_counts)
    between = [(each.weights, each.count) for each in request.mixtures]
    between += [(each.class_weights, each.steps) for each in request.interpolate]
    for weights, count in between:
        for label, weight in weights.items():
            wanted[label] += count * weight
    return dict(wanted)


def check_outlook(context: AppContext, request: GenerateRequest) -> None:
    """Raise CannotPass where a set is known not to pass."""
    found = outlook(context, request)
    if not found.can_pass:
        raise errors.CannotPass(" ".join(found.sentences))
