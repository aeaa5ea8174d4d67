"""The generate job: from a model and a request to a released set, or a report of why not."""

from __future__ import annotations

import structlog
import torch

from models.device_memory import give_back_memory
from service.domain.records import GeneratedSet
from service.domain.requests import GenerateRequest
from workers.generate.evaluate import evaluate
from workers.generate.load import load
from workers.generate.model_cache import ModelCache
from workers.generate.plan import plan_samples
from workers.generate.publish import publish
from workers.generate.sampling import sample
from workers.runtime.attempt import Attempt

log = structlog.get_logger()


def generate(attempt: Attempt, request: GenerateRequest) -> GeneratedSet:
    """Sample, evaluate and publish the set; once more where kept models were in the way.

    The bytes depend on the request, the model, the real images and the versions named in the
    manifest, so a second attempt writes what the first one would have written.
    """
    models = ModelCache.of(attempt.settings)
    try:
        return _generate(attempt, request, models)
    except (MemoryError, torch.OutOfMemoryError) as error:
        if not models:
            raise
        error.__traceback__ = None  # its frames hold the model and its images
        log.warning("out of memory; kept models dropped", job_id=attempt.job.id)
    models.clear()
    return _generate(attempt, request, models)


def _generate(attempt: Attempt, request: GenerateRequest, models: ModelCache) -> GeneratedSet:
    inputs = load(attempt, request, models)
    inputs.assets.prepare(attempt)
    plan = plan_samples(request)
    sampled = sample(attempt, inputs, plan)
    evaluation = evaluate(attempt, inputs, sampled)
    made = publish(attempt, inputs, sampled, evaluation)
    give_back_memory()
    return GeneratedSet(made, dict(evaluation.examination.tally), inputs.prior.names)
