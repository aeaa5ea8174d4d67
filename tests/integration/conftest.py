import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from models.training import loop
from release.gate.calibration import Calibration
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.record_ports import Records
from tests.in_memory_queue import ManualClock, ManualDatabaseClock
from tests.in_memory_records import MemoryStore
from tests.integration.jobs import (
    copy_data,
    finished,
    opened,
    submit_generation,
    submit_ingest,
    submit_training,
)
from tests.new_database import new_database
from workers.generate import load, sampling
from workers.generate.gate_assets import GateAssetCache

LOCAL_POSTGRES = "postgresql+psycopg://postgres@127.0.0.1:5432/test"


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A PostgreSQL database of the test's own, dropped afterwards."""
    yield from new_postgres_database()


@pytest.fixture
def second_postgres_url() -> Iterator[str]:
    """Another one, empty."""
    yield from new_postgres_database()


def new_postgres_database() -> Iterator[str]:
    server = os.environ.get("SYNTHCXR_TEST_POSTGRES_URL", LOCAL_POSTGRES)
    name = f"records_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError:
        pytest.skip("PostgreSQL is not reachable at SYNTHCXR_TEST_POSTGRES_URL")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def database_urls(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Make an empty database with this version's schema, by the name of its kind."""

    def make(kind: str) -> str:
        url = f"sqlite:///{tmp_path / 'records.db'}"
        if kind == "postgres":
            url = request.getfixturevalue("postgres_url")
        new_database(url).dispose()
        return url

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def database_url(request: pytest.FixtureRequest, database_urls: Callable[[str], str]) -> str:
    """Make an empty database of each kind."""
    return database_urls(request.param)


@pytest.fixture
def context(tmp_path):
    with opened(tmp_path) as context:
        yield context


@pytest.fixture(scope="session")
def examined_dataset(tmp_path_factory, ingested) -> Path:
    """The folder of a dataset of which a set was examined, with what the gate learned for it."""
    folder, dataset_id = ingested
    with opened(tmp_path_factory.mktemp("examined")) as context:
        copy_data(folder, context)
        model_id = finished(context, submit_training(context, dataset_id)).result.model_id
        finished(context, submit_generation(context, model_id))
        return context.artifacts.path(context.records.catalog.dataset(dataset_id).artifact.key)


@pytest.fixture(scope="session")
def ingested(tmp_path_factory) -> tuple[Path, str]:
    """A data directory into which phantoms were ingested, and the dataset's identifier."""
    folder = tmp_path_factory.mktemp("ingested")
    with opened(folder) as context:
        return folder, finished(context, submit_ingest(context)).result.dataset_id


@pytest.fixture
def dataset_id(context, ingested):
    """A dataset with all that its ingest left in records and files: made once for all tests."""
    folder, dataset_id = ingested
    copy_data(folder, context)
    GateAssetCache.shared.cache_clear()  # which keeps what lies in another test's files
    return dataset_id


@pytest.fixture(autouse=True)
def short_probes(monkeypatch):
    """Let trainings of a second not measure for longer how long they will last."""
    monkeypatch.setattr(loop, "PROBE_SECONDS", 0.05)


@pytest.fixture
def examined_dataset_id(context, dataset_id, examined_dataset):
    """A dataset beside which lies what the gate learns of it: learned once for all tests."""
    folder = context.artifacts.path(context.records.catalog.dataset(dataset_id).artifact.key)
    for learned in examined_dataset.iterdir():
        if learned.is_dir():
            shutil.copytree(learned, folder / learned.name)
    return dataset_id


@pytest.fixture
def nothing_dropped(monkeypatch):
    """Let the gate drop no image and refuse no set by chance: what is drawn is looked at."""
    for module in (load, sampling):
        monkeypatch.setattr(module, "POLICY", replace(load.POLICY, alpha=1e-6))
    monkeypatch.setattr(Calibration, "flagged", lambda _, near: near["pixels"] < 0)
    monkeypatch.setattr(
        "release.gate.filtering.over_represented", lambda *_: np.array([], np.int64)
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def records(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Records]:
    """The records as the twin in memory and as both databases hold them; leases by the clock."""
    if request.param == "memory":
        yield MemoryStore(clock).records()
        return
    engine = open_engine(request.getfixturevalue("database_urls")(request.param))
    yield sql_records(engine, clock, ManualDatabaseClock(clock))
    engine.dispose()
