"""A backup of a service in use, on SQLite and PostgreSQL, and its way back."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.adapters.artifact_store import open_artifacts
from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.record_ports import Records
from service.domain.records import (
    ArtifactRef,
    Dataset,
    DatasetState,
    IngestedDataset,
)
from service.operations import backup as backup_module
from service.operations.backup import back_up
from service.operations.backup_manifest import MANIFEST
from service.operations.errors import OperationFailed
from service.operations.restore import restore
from service.settings import Settings
from tests.object_store import ObjectStore
from tests.sample_records import ingest_request


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    data_dir = tmp_path / "data"
    (data_dir / "keys").mkdir(parents=True, mode=0o700)
    (data_dir / "keys" / "split.key").write_bytes(b"k" * 32)
    (data_dir / "uploads").mkdir()
    (data_dir / "uploads" / "job_one.zip").write_bytes(b"PK")
    (data_dir / "uploads" / "job_two.part").write_bytes(b"half")
    (data_dir / "staging" / "job-1").mkdir(parents=True)
    return Settings(data_dir=data_dir, database_url=database_url)


@pytest.fixture
def records(settings: Settings) -> Iterator[Records]:
    engine = open_engine(settings.resolved_database_url)
    yield sql_records(engine, SystemClock())
    engine.dispose()


@pytest.fixture
def elsewhere(tmp_path: Path, settings: Settings, request: pytest.FixtureRequest) -> Settings:
    """An empty place of the same kind."""
    url = None
    if "postgresql" in settings.resolved_database_url:
        url = request.getfixturevalue("second_postgres_url")
    return Settings(data_dir=tmp_path / "elsewhere" / "data", database_url=url)


def ingested(records: Records, settings: Settings) -> Dataset:
    """A dataset with an artifact of two files."""
    job = submitted(records)
    dataset = Dataset(
        id=job.request.dataset_id,
        name="images",
        state=DatasetState.READY,
        source=job.request.source,  # type: ignore[union-attr]
        created_at=datetime.now(UTC),
        job_id=job.id,
        artifact=ArtifactRef(f"datasets/{job.request.dataset_id}", "f" * 64, 6),
    )
    folder = settings.data_dir / "artifacts" / "datasets" / dataset.id
    folder.mkdir(parents=True)
    for name in ("pixels.npy", "files.json"):
        (folder / name).write_bytes(b"secret")
    claimed = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert claimed
    records.jobs.succeed(claimed.claim_held, IngestedDataset(dataset))
    return dataset


def submitted(records: Records) -> Job:
    request = ingest_request(dataset_id=new_id("ds"))
    job = Job(
        new_id("job"), JobKind.INGEST, "cpu.ingest", JobState.QUEUED, request, datetime.now(UTC)
    )
    dataset = Dataset(
        request.dataset_id, "images", DatasetState.INGESTING, request.source, job.created_at, job.id
    )
    return records.jobs.submit(job, dataset=dataset)


def reopened(settings: Settings) -> Records:
    return sql_records(open_engine(settings.resolved_database_url), SystemClock())


def test_what_was_there_is_there_again_and_running_jobs_wait(
    records: Records, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    dataset = ingested(records, settings)
    running = submitted(records)
    assert records.jobs.claim(running.id, worker="w", lease_seconds=30)
    cancelling = submitted(records)
    assert records.jobs.claim(cancelling.id, worker="w", lease_seconds=30)
    records.jobs.request_cancel(cancelling.id)

    manifest = back_up(settings, tmp_path / "backup")
    assert manifest.absent == ()
    restore(elsewhere, tmp_path / "backup")

    again = reopened(elsewhere)
    assert again.catalog.dataset(dataset.id) == dataset
    assert again.jobs.job(running.id).state is JobState.QUEUED
    assert again.jobs.job(running.id).attempts_without_checkpoint == 0
    assert again.jobs.job(cancelling.id).state is JobState.CANCELLED
    assert again.jobs.claim(running.id, worker="w", lease_seconds=30)
    assert (elsewhere.data_dir / "keys" / "split.key").read_bytes() == b"k" * 32
    assert (elsewhere.data_dir / "artifacts" / dataset.artifact.key / "pixels.npy").exists()  # type: ignore[union-attr]
    uploads = [path.name for path in (elsewhere.data_dir / "uploads").iterdir()]
    assert uploads == ["job_one.zip"]
    assert not (elsewhere.data_dir / ".restoring").exists()
    again.database.close()


def test_a_backup_and_what_is_restored_are_for_their_owner_alone(
    records: Records, settings: Settings, elsewhere: Settings, tmp_path: Path
) -> None:
    ingested(records, settings)
    back_up(settings, tmp_path / "backup")
    restore(elsewhere, tmp_path / "backup")
    for root in (tmp_path / "backup", elsewhere.data_dir):
        paths = [root, *root.rglob("*")]
        assert len(paths) > 8
        open_to_others = [path for path in paths if path.stat().st_mode & 0o077]
        assert open_to_others == []


def test_an_artifact_deleted_while_it_is_copied_is_named_and_not_half_there(
    records: Records, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = ingested(records, settings)
    copy_file = backup_module.copy_file

    def deleted_meanwhile(source: Path, target: Path) -> object:
        if source.name == "pixels.npy":
            source.unlink()
        return copy_file(source, target)

    monkeypatch.setattr(backup_module, "copy_file", deleted_meanwhile)
    manifest = back_up(settings, tmp_path / "backup")
    assert manifest.absent == (f"datasets/{dataset.id}",)
    assert not [name for name in manifest.files if dataset.id in name]
    assert not (tmp_path / "backup" / "artifacts" / "datasets" / dataset.id).exists()


class TestRefusals:
    """What a restore and a backup will not do; one kind of database shows it."""

    @pytest.fixture
    def database_url(self, database_urls: Callable[[str], str]) -> str:
        return database_urls("sqlite")

    @pytest.fixture
    def taken(self, records: Records, settings: Settings, tmp_path: Path) -> Path:
        ingested(records, settings)
        back_up(settings, tmp_path / "backup")
        return tmp_path / "backup"

    @pytest.mark.parametrize("damage", ["flip", "cut", "add", "remove", "link"])
    def test_a_damaged_backup_is_refused_before_anything_is_written(
        self, taken: Path, elsewhere: Settings, damage: str
    ) -> None:
        [victim] = taken.rglob("pixels.npy")
        if damage == "flip":
            victim.write_bytes(b"Secret")
        elif damage == "cut":
            victim.write_bytes(b"secre")
        elif damage == "add":
            (taken / "keys" / "other").touch()
        else:
            victim.unlink()
        if damage == "link":
            victim.symlink_to("/etc/passwd")
        with pytest.raises((OperationFailed, OSError)):
            restore(elsewhere, taken)
        assert not elsewhere.data_dir.exists()

    @pytest.mark.parametrize("name", ["../escaped", "/escaped", "keys/../../escaped"])
    def test_a_manifest_cannot_name_a_place_outside(
        self, taken: Path, elsewhere: Settings, name: str
    ) -> None:
        manifest = json.loads((taken / MANIFEST).read_text())
        manifest["files"][name] = manifest["files"].pop("keys/split.key")
        (taken / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(OperationFailed, match="not the path of a file in a backup"):
            restore(elsewhere, taken)

    def test_what_exists_is_never_overwritten(self, taken: Path, settings: Settings) -> None:
        before = sorted(settings.data_dir.rglob("*"))
        with pytest.raises(OperationFailed, match="is not empty"):
            restore(settings, taken)
        assert sorted(settings.data_dir.rglob("*")) == before
        with pytest.raises(OperationFailed, match="exists already"):
            back_up(settings, taken)

    def test_a_backup_does_not_go_into_the_data_directory(self, settings: Settings) -> None:
        with pytest.raises(OperationFailed, match="outside the data directory"):
            back_up(settings, settings.data_dir / "backup")

    def test_a_data_directory_without_a_database_is_no_service(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(OperationFailed, match="There is no database"):
            back_up(Settings(data_dir=tmp_path / "empty"), tmp_path / "backup")
        assert list(tmp_path.glob("*backup*")) == []
        assert list((tmp_path / "empty").iterdir()) == []

    def test_a_backup_that_fails_leaves_nothing(
        self, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device", "image")

        monkeypatch.setattr(backup_module, "copy_file", full)
        with pytest.raises(OperationFailed, match="No space left"):
            back_up(settings, tmp_path / "backup")
        assert list(tmp_path.glob("*backup*")) == []

    def test_a_backup_of_sqlite_is_not_restored_to_postgresql(
        self, taken: Path, tmp_path: Path
    ) -> None:
        other = Settings(data_dir=tmp_path / "other", database_url="postgresql://host/db")
        with pytest.raises(OperationFailed, match="sqlite"):
            restore(other, taken)


def test_a_postgresql_database_that_is_in_use_is_never_restored_to(
    postgres_url: str, tmp_path: Path
) -> None:
    from service.adapters.sql_migrate import migrate

    engine = open_engine(postgres_url)
    migrate(engine)
    engine.dispose()
    (tmp_path / "data").mkdir()
    settings = Settings(data_dir=tmp_path / "data", database_url=postgres_url)
    back_up(settings, tmp_path / "backup")
    target = moved_to(settings, tmp_path / "other")
    with pytest.raises(OperationFailed, match="not empty"):
        restore(target, tmp_path / "backup")
    assert not (tmp_path / "other").exists()


def moved_to(settings: Settings, data_dir: Path) -> Settings:
    return settings.model_copy(update={"data_dir": data_dir})


def test_a_bucket_is_named_and_not_copied(
    settings: Settings,
    records: Records,
    elsewhere: Settings,
    tmp_path: Path,
    object_store: ObjectStore,
) -> None:
    """What the database names and the bucket lacks is listed; both sides must mean a bucket."""
    url = settings.resolved_database_url
    in_bucket = object_store.settings(settings.data_dir, database_url=url)
    dataset = ingested(records, settings)
    lost = ingested(records, settings)
    artifacts = open_artifacts(in_bucket)
    folder = artifacts.staging("job_1-1")
    (folder / "pixels.npy").write_bytes(b"secret")
    artifacts.publish(folder, f"datasets/{dataset.id}")

    manifest = back_up(in_bucket, tmp_path / "backup")
    assert manifest.artifacts == in_bucket.artifacts
    assert manifest.absent == (f"datasets/{lost.id}",)
    assert not any(name.startswith(("artifacts", "uploads")) for name in manifest.files)
    with pytest.raises(OperationFailed, match="lie in s3://"):
        restore(elsewhere, tmp_path / "backup")
    back_up(settings, tmp_path / "whole")
    url = elsewhere.resolved_database_url
    also_in_bucket = object_store.settings(elsewhere.data_dir, database_url=url)
    with pytest.raises(OperationFailed, match="without SYNTHCXR_ARTIFACTS"):
        restore(also_in_bucket, tmp_path / "whole")
    restore(also_in_bucket, tmp_path / "backup")
    found = open_artifacts(also_in_bucket).path(f"datasets/{dataset.id}/pixels.npy")
    assert found.read_bytes() == b"secret"
