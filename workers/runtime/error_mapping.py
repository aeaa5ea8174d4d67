"""Maps whatever went wrong in a job to the problem that its client reads."""

from __future__ import annotations

import errno

import structlog
from safetensors import SafetensorError

from models.device_errors import is_device_lost, is_out_of_memory
from models.privacy.accounting import AccountantsDisagree
from models.training.loop import TrainingDiverged
from radiographs.errors import IngestRefused, LedgerUnusable
from release.similarity.knn import InvalidDistances
from service.domain.errors import (
    DeviceLost,
    ExaminationFailed,
    FieldError,
    PrivacyUnavailable,
    Problem,
    SplitKeyLost,
    StorageFull,
    SyntheticDataError,
)

log = structlog.get_logger()

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


def problem_of(error: Exception, job_id: str) -> Problem:
    """Name a failure; one without a name is logged in full and reported without its details."""
    match error:
        case SyntheticDataError():
            return error.problem()
        case IngestRefused():
            fields = tuple(FieldError("/file", reason) for reason in error.files)
            return Problem(error.code, error.message, fields=fields)
        case LedgerUnusable():
            return Problem(SplitKeyLost.code, str(error), retryable=True)
        case InvalidDistances():
            return Problem(ExaminationFailed.code, str(error))
        case AccountantsDisagree():
            return Problem(PrivacyUnavailable.code, str(error))
        case TrainingDiverged():
            return Problem("training_diverged", str(error))
        case _:
            return _problem_of_machine(error, job_id) or _internal_error(error, job_id)


def _problem_of_machine(error: Exception, job_id: str) -> Problem | None:
    """Name a failure of the disk, the memory or the device; None for any other."""
    if _is_disk_full(error):
        return StorageFull(
            "The disk of the data directory is full; nothing half-written was kept. "
            "Free some space, then retry the job."
        ).problem()
    if is_out_of_memory(error):
        return Problem(
            "out_of_memory",
            "The device ran out of memory. Choose a smaller image size or a smaller model, "
            "or free memory on the device, then retry the job.",
            retryable=True,
        )
    if is_device_lost(error):
        log.error("device lost", job_id=job_id, exc_info=error)
        return DeviceLost(
            "The GPU failed or disappeared while the job ran on it. Retry the job: a training goes "
            "on from its newest checkpoint. If it happens again, look at `nvidia-smi` and the "
            "kernel's log on the worker's machine."
        ).problem()
    return None


def _internal_error(error: Exception, job_id: str) -> Problem:
    log.error("job failed", job_id=job_id, exc_info=error)
    return Problem(
        "internal_error",
        f"An unexpected {type(error).__name__} ended the job. "
        f"The worker's log has the details under job {job_id}.",
    )


def _is_disk_full(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_SPACE
    # safetensors writes by itself and passes on the system's error as text
    return isinstance(error, SafetensorError) and any(
        f"os error {code}" in str(error) for code in _NO_SPACE
    )
