"""What the gate saw of a set image by image, for those who may see real images."""

from service.context import AppContext
from service.domain import access, errors
from service.domain.caller import PRIVATE_READ
from service.domain.nearest_pairs import nearest_pairs_key
from service.domain.records import ArtifactRef, SyntheticSet


def read_findings(context: AppContext, made: SyntheticSet) -> ArtifactRef:
    """Return what the gate saw of a set image by image, and keep that it was asked for.

    Raises:
        ScopeMissing, FindingsSpent: See the error tree.
    """
    findings = access.findings(context.scopes, made)
    context.records.releases.read_findings(
        made.id, context.max_findings_per_model, context.entry(made.id)
    )
    return findings


def read_nearest_pairs(context: AppContext, made: SyntheticSet) -> bytes:
    """Return the picture of a set's nearest pairs; it counts as reading the set's findings.

    Raises:
        ScopeMissing, ImageNotFound, FindingsSpent: See the error tree.
    """
    access.require(context.scopes, PRIVATE_READ)
    key = nearest_pairs_of(context, made)
    missing = errors.ImageNotFound.named(f"{made.id}/nearest.png")
    if key is None or not context.artifacts.exists(key):
        raise missing
    try:
        picture = context.artifacts.path(key).read_bytes()
    except FileNotFoundError as error:
        raise missing from error
    read_findings(context, made)
    return picture


def nearest_pairs_of(context: AppContext, made: SyntheticSet) -> str | None:
    """Return where the picture lies; None where the real images are gone."""
    try:
        dataset = context.records.catalog.dataset(made.dataset_id)
    except errors.DatasetNotFound:
        return None
    return nearest_pairs_key(dataset, made.id) if dataset.artifact else None
