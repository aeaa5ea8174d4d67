"""Preparation for the sets of a model, once it is trained: real database and real files."""

import pytest

from radiographs.store.pixel_store import PixelStore
from service.domain.job import JobKind, JobState
from service.domain.requests import DatasetSource, PhantomSpec
from service.settings import Settings
from tests.integration.jobs import (
    OFTEN,
    finished,
    opened,
    submit_generation,
    submit_ingest,
    submit_training,
)
from workers.runner import run_next

FEW = DatasetSource(phantom=PhantomSpec({"normal": 12, "effusion": 12}, 64, 0))


@pytest.fixture
def context(tmp_path):
    settings = Settings(data_dir=tmp_path, **OFTEN | {"prepare_after_training": True})
    with opened(tmp_path, settings) as context:
        yield context


def trained_model(context, dataset_id, **changes):
    job = finished(context, submit_training(context, dataset_id, "ppca", **changes))
    return context.records.catalog.model(job.result.model_id)


def preparations(context):
    return context.records.jobs.jobs(kind=JobKind.PREPARE).items


def phases(context, job_id):
    events = context.records.jobs.events(job_id)
    return [event.data["phase"] for event in events if event.kind == "progress"]


def test_the_first_set_finds_what_was_prepared_after_the_training(context, examined_dataset_id):
    model = trained_model(context, examined_dataset_id)
    [waiting] = preparations(context)
    assert (waiting.state, waiting.request.model_id) == (JobState.QUEUED, model.id)
    assert run_next(["gpu.prepare"], context)
    [prepared] = preparations(context)
    assert (prepared.state, prepared.result.model_id) == (JobState.SUCCEEDED, model.id)

    generated = finished(context, submit_generation(context, model.id, "ppca"))
    assert generated.state is JobState.SUCCEEDED, generated.error
    assert not {"training gate assets", "indexing real images"} & {*phases(context, generated.id)}


def test_one_dataset_is_prepared_for_once(context, examined_dataset_id):
    trained_model(context, examined_dataset_id)
    trained_model(context, examined_dataset_id, seed=1)
    assert len(preparations(context)) == 1


def test_a_dataset_too_small_for_any_set_is_no_failure_of_its_preparation(context):
    dataset_id = finished(context, submit_ingest(context, FEW)).result.dataset_id
    key = context.records.catalog.dataset(dataset_id).artifact.key
    assert len(PixelStore.open(context.artifacts.path(key)).labels) == 24
    trained_model(context, dataset_id)
    assert run_next(["gpu.prepare"], context)
    [prepared] = preparations(context)
    assert prepared.state is JobState.SUCCEEDED
    codes = [event.data.get("code") for event in context.records.jobs.events(prepared.id)]
    assert "too_few_patients" in codes
