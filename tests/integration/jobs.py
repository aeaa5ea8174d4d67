"""A worker in this process, and jobs for it: real database, real files, real models."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from models.config import Circumstances
from models.presets import resolve_config
from models.registry import sampler_class
from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import SqlRecords
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.records import Dataset, DatasetState
from service.settings import Settings
from workers.runner import run_job
from workers.runtime.context import WorkerContext

COUNTS = {"normal": 72, "effusion": 48}


@contextmanager
def opened(folder):
    settings = Settings(data_dir=folder, heartbeat_seconds=0.02, checkpoint_interval_seconds=0.05)
    engine = open_engine(settings.resolved_database_url)
    migrate(engine)
    (folder / "keys").mkdir()
    (folder / "keys" / "folds.key").write_bytes(b"k" * 32)  # so that every run splits alike
    clock = SystemClock()
    yield WorkerContext(
        "tester", settings, SqlRecords(engine, clock), LocalArtifacts(folder), clock
    )
    engine.dispose()


def submit(context, kind, request, dataset=None):
    job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, request, datetime.now(UTC))
    if dataset:
        dataset = replace(dataset, job_id=job.id)
    return context.records.submit(job, dataset=dataset).id


def submit_ingest(context, source=None, image_size=64):
    source = source or {"phantom": {"class_counts": COUNTS, "image_size": 64, "seed": 0}}
    dataset = Dataset(
        new_id("ds"), "images", DatasetState.INGESTING, source, datetime.now(UTC), job_id=""
    )
    request = {
        "dataset_id": dataset.id,
        "name": "images",
        "source": source,
        "image_size": image_size,
        "fit": "pad",
        "bit_depth": None,
    }
    return submit(context, JobKind.INGEST, request, dataset)


def submit_training(context, dataset_id, family="vae", images=128, **changes):
    config = resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json")
    request = {
        "dataset_id": dataset_id,
        "family": family,
        "image_size": 64,
        "preset": "tiny",
        "config": config,
        "budget": {"images": images},
        "seed": 1,
        **changes,
    }
    return submit(context, JobKind.TRAIN, request)


def submit_generation(context, model_id, family="vae", seed=5, **more):
    request = {
        "model_id": model_id,
        "class_counts": {"normal": 3, "effusion": 9},
        "seed": seed,
        "sampler": sampler_class(family)().model_dump(mode="json"),
        "format": "png",
        **more,
    }
    return submit(context, JobKind.GENERATE, request)


def finished(context, job_id):
    run_job(job_id, context)
    return context.records.job(job_id)


def files_under(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
