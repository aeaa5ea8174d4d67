"""A worker in this process, and jobs for it: real database, real files, real models."""

import shutil
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import TypeAdapter

from models.config import Circumstances
from models.presets import resolve_config
from models.registry import sampler_class
from service.adapters.artifact_store import open_artifacts
from service.adapters.clock import SystemClock
from service.adapters.sql_records import sql_records
from service.domain.identifiers import new_id, synthetic_set_id
from service.domain.job import Job, JobKind, JobState
from service.domain.records import Dataset, DatasetState
from service.domain.requests import DatasetSource, PhantomSpec, TrainingBudget
from service.settings import Settings
from tests.new_database import new_database
from tests.sample_records import generate_request, ingest_request, train_request
from workers.runner import run_job
from workers.runtime.context import WorkerContext

COUNTS = {"normal": 72, "effusion": 48}
DEFAULT_SOURCE = DatasetSource(phantom=PhantomSpec(COUNTS, 64, 0))


OFTEN = {
    "heartbeat_seconds": 0.1,
    "checkpoint_interval_seconds": 0.3,
    "prepare_after_training": False,
    "torch_threads": 1,  # so that a budget in images gives the same model everywhere
}


@contextmanager
def opened(folder, settings=None):
    settings = settings or Settings(data_dir=folder, **OFTEN)
    engine = new_database(settings.resolved_database_url)
    (folder / "keys").mkdir()
    (folder / "keys" / "split.key").write_bytes(b"k" * 32)  # so that every run splits alike
    clock = SystemClock()
    yield WorkerContext(
        "tester", settings, sql_records(engine, clock), open_artifacts(settings), clock
    )
    engine.dispose()


def copy_data(folder, context):
    """Fill the empty data directory of a worker with all that another holds."""
    assert not context.settings.artifacts, "not for artifacts in a bucket"
    data_dir = context.settings.data_dir
    with (
        closing(sqlite3.connect(folder / "synthcxr.db")) as source,
        closing(sqlite3.connect(data_dir / "synthcxr.db", timeout=30)) as target,
    ):
        source.backup(target)
    database = shutil.ignore_patterns("synthcxr.db*")  # which is open
    shutil.copytree(folder, data_dir, ignore=database, dirs_exist_ok=True)


def submit(context, kind, request, dataset=None):
    job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, request, datetime.now(UTC))
    if dataset:
        dataset = replace(dataset, job_id=job.id)
    return context.records.jobs.submit(job, dataset=dataset).id


def submit_ingest(context, source=None, image_size=64):
    source = TypeAdapter(DatasetSource).validate_python(source) if source else DEFAULT_SOURCE
    request = ingest_request(dataset_id=new_id("ds"), source=source, image_size=image_size)
    dataset = Dataset(
        request.dataset_id,
        request.name,
        DatasetState.INGESTING,
        source,
        datetime.now(UTC),
        job_id="",
    )
    return submit(context, JobKind.INGEST, request, dataset)


def submit_training(context, dataset_id, family="vae", images=128, **changes):
    request = train_request(
        dataset_id=dataset_id,
        family=family,
        config=resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json"),
        budget=TrainingBudget(images=images),
    )
    return submit(context, JobKind.TRAIN, replace(request, **changes))


def submit_generation(context, model_id, family="vae", seed=5, **more):
    model = context.records.catalog.model(model_id)
    request = generate_request(
        model_id=model_id,
        dataset_id=model.dataset_id,
        class_counts={"effusion": 9, "normal": 3},
        seed=seed,
        sampler=sampler_class(family)().model_dump(mode="json"),
    )
    request = replace(request, **more)
    set_id = synthetic_set_id(request, snapshot_sha256=model.snapshot.sha256, version="0")
    return submit(context, JobKind.GENERATE, replace(request, synthetic_set_id=set_id))


def finished(context, job_id):
    run_job(job_id, context)
    return context.records.jobs.job(job_id)


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
