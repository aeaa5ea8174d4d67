"""Trainings whose device runs out of memory, or disappears."""

from dataclasses import replace

import pytest
import torch

from models.training.stage_state import StageState
from service.domain.job import EventKind, JobState
from tests.integration.jobs import finished, submit_training


@pytest.fixture
def failing(monkeypatch):
    """Have the training's third update end in an error, as often as is said."""

    def failing(error, times):
        walk, left = StageState.walk, times
        shards = []

        def broken(self, images, fraction, precision, moment):
            nonlocal left
            if moment[0] == 5 and moment[2] == 3 and left:  # not in the trial, whose seed is 0
                left -= 1
                raise error
            shards.append(len(self._process_group.shards))
            return walk(self, images, fraction, precision, moment)

        monkeypatch.setattr(StageState, "walk", broken)
        return shards

    return failing


def logged(context, job):
    events = context.records.jobs.events(job.id)
    return [event.data["code"] for event in events if event.kind == EventKind.LOG]


def test_a_training_goes_on_with_half_a_batch_at_once_when_memory_runs_out(
    context, dataset_id, failing
):
    shards = failing(torch.OutOfMemoryError("CUDA out of memory"), times=1)
    job = finished(context, submit_training(context, dataset_id, seed=5))
    assert job.state is JobState.SUCCEEDED
    assert sorted(set(shards)) == [1, 2]
    assert shards == sorted(shards)
    assert "out_of_memory" in logged(context, job)


def test_memory_that_half_a_batch_does_not_fit_either_is_named(context, dataset_id, failing):
    failing(MemoryError(), times=2)
    job = finished(context, submit_training(context, dataset_id, seed=5))
    assert (job.state, job.error.code) == (JobState.FAILED, "out_of_memory")
    assert job.error.retryable


def test_a_gpu_that_disappears_is_named_and_its_process_ends(context, dataset_id, failing):
    failing(torch.AcceleratorError("CUDA error: the GPU has fallen off the bus"), times=1)
    job = finished(context, submit_training(context, dataset_id, seed=5))
    assert (job.state, job.error.code) == (JobState.FAILED, "device_lost")
    assert job.error.retryable
    assert context.stop.made


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is not there")
def test_a_training_meant_for_a_gpu_does_not_go_on_without_one(context, dataset_id):
    settings = context.settings.model_copy(update={"train_device": "cuda"})
    job = finished(replace(context, settings=settings), submit_training(context, dataset_id))
    assert (job.state, job.error.code) == (JobState.FAILED, "device_lost")
    assert "nvidia-smi" in job.error.detail
