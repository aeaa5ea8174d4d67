"""The prepare job: learns what a model's sets are examined with, before the first is asked for."""

from __future__ import annotations

from service.domain.errors import TooFewPatients
from service.domain.job import EventKind
from service.domain.records import PreparedModel
from service.domain.requests import PrepareRequest
from workers.generate.load import assets_of
from workers.runtime.attempt import Attempt


def prepare(attempt: Attempt, request: PrepareRequest) -> PreparedModel:
    """Learn and keep what is the same for every set of a model's dataset, as a generation would.

    Where too few patients are held out for any set to be examined, the log says so: it is what the
    ingest has said, and no fault of this job.

    Raises:
        ArtifactMissing, DatasetGone, ModelNotFound: See the error tree.
    """
    model = attempt.records.catalog.model(request.model_id)
    try:
        assets_of(attempt, model).prepare(attempt)
    except TooFewPatients as error:
        about = {"level": "warning", "code": error.code, "message": error.problem().detail}
        attempt.log(EventKind.LOG, about)
    return PreparedModel(model.id)
