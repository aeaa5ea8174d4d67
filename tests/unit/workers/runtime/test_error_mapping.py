"""What a client reads when a job fails."""

import errno

import pytest
import torch
from safetensors import SafetensorError

from models.training.loop import TrainingDiverged
from radiographs.errors import IngestRefused, LedgerUnusable
from service.domain.errors import DatasetNotFound
from workers.runtime.error_mapping import problem_of


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (DatasetNotFound.named("ds_1"), "dataset_not_found", False),
        (IngestRefused("single_class", "Only one class."), "single_class", False),
        (LedgerUnusable("it was written under another key"), "split_key_lost", True),
        (TrainingDiverged("not finite"), "training_diverged", False),
        (OSError(errno.ENOSPC, "full"), "storage_full", True),
        (OSError(errno.EDQUOT, "quota"), "storage_full", True),
        # safetensors writes by itself and passes on the system's error as text
        (SafetensorError("I/O error: No space left (os error 28)"), "storage_full", True),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", True),
        (MemoryError(), "out_of_memory", True),
        # what torch says where the machine, not a device, has no more
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "out_of_memory", True),
        (OSError(errno.EACCES, "/radiographs/Doe^John.png"), "internal_error", False),
        (torch.AcceleratorError("CUDA error: an illegal address"), "device_lost", True),
        (RuntimeError("CUDA error: device fell off the bus"), "device_lost", True),
        (KeyError("Doe^John"), "internal_error", False),
    ],
)
def test_failure_has_a_name_and_no_patient_in_it(error, code, retryable):
    problem = problem_of(error, "job_1")
    assert (problem.code, problem.retryable) == (code, retryable)
    assert "Doe" not in problem.detail
