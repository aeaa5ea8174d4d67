"""Removes datasets, models and sets, with what was made of them."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from service.context import AppContext
from service.domain import access, errors
from service.domain.caller import GENERATE, TRAIN
from service.domain.deletion import Deletion
from service.domain.erasure import carry_out
from service.usecases.findings import nearest_pairs_of

_log = structlog.get_logger()


def delete_dataset(context: AppContext, dataset_id: str, *, cascade: bool) -> Deletion:
    """Remove a dataset, its pixels and its ingest; models, sets and jobs only with `cascade`.

    Raises:
        ScopeMissing: With `cascade`, the caller must hold train and generate as well.
    """
    if cascade:
        access.require(context.scopes, TRAIN)
        access.require(context.scopes, GENERATE)
    deletions = context.records.deletions
    begun = deletions.delete_dataset(dataset_id, context.entry(dataset_id), cascade=cascade)
    return _carry_out(context, begun)


def delete_model(context: AppContext, model_id: str, *, cascade: bool) -> Deletion:
    """Remove a model, its weights and its training; its sets and their jobs with `cascade`.

    Raises:
        ScopeMissing: With `cascade`, the caller must hold generate as well.
    """
    if cascade:
        access.require(context.scopes, GENERATE)
    deletions = context.records.deletions
    begun = deletions.delete_model(model_id, context.entry(model_id), cascade=cascade)
    return _carry_out(context, begun)


def delete_synthetic_set(context: AppContext, synthetic_set_id: str) -> None:
    """Remove a synthetic set and its files; withdraw one that was released."""
    made = context.records.releases.delete_synthetic_set(
        synthetic_set_id, context.entry(synthetic_set_id)
    )
    key = nearest_pairs_of(context, made)
    if key:
        with left_to_the_scheduler(synthetic_set_id):
            context.artifacts.delete(key)
    if not made.released:
        with left_to_the_scheduler(synthetic_set_id):
            for folder in {artifact.folder for artifact in made.artifacts}:
                context.artifacts.delete(folder)


def _carry_out(context: AppContext, begun: Deletion) -> Deletion:
    """Take a deletion to its end, or as far as the object store can be reached."""
    with left_to_the_scheduler(begun.target):
        return carry_out(
            begun, context.records, context.artifacts, context.signing_keys, context.clock
        )
    return begun


@contextmanager
def left_to_the_scheduler(target: str) -> Iterator[None]:
    """Go on where files cannot be removed now: the records are gone, and the files will be."""
    try:
        yield
    except errors.ArtifactsUnavailable:
        _log.warning("files are left to the scheduler", target=target)
