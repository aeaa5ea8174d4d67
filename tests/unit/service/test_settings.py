import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from service import settings as settings_module
from service.domain.extractors import SuppliedExtractor
from service.domain.quotas import Quotas
from service.domain.tenants import TenantTerms
from service.settings import Settings


def test_the_database_lies_in_the_data_directory_unless_named(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'synthcxr.db'}"
    named = Settings(data_dir=tmp_path, database_url="postgresql://host/db")
    assert named.resolved_database_url == "postgresql://host/db"


def test_roots_come_from_the_environment_like_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SYNTHCXR_DATASET_ROOTS", os.pathsep.join(["/radiographs", "/more radiographs"])
    )
    assert Settings().dataset_roots == (Path("/radiographs"), Path("/more radiographs"))
    monkeypatch.setenv("SYNTHCXR_DATASET_ROOTS", "")
    assert Settings().dataset_roots == ()


def test_settings_are_frozen_and_checked() -> None:
    with pytest.raises(ValidationError):
        Settings(lease_seconds=0)
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_the_training_device_is_that_of_this_machine_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings_module, "NVIDIA_DRIVER", tmp_path / "nvidiactl")
    assert Settings().resolved_train_device == "cpu"
    (tmp_path / "nvidiactl").touch()
    assert Settings().resolved_train_device == "cuda"
    assert Settings(train_device="cpu").resolved_train_device == "cpu"


def test_a_worker_s_queues_are_all_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(Settings().worker_queues) == {"cpu.ingest", "gpu.train", "gpu.generate"}
    monkeypatch.setenv("SYNTHCXR_WORKER_QUEUES", "gpu.train,cpu.ingest")
    assert Settings().worker_queues == ("gpu.train", "cpu.ingest")


def test_extractors_are_named_with_their_kind_and_file(monkeypatch: pytest.MonkeyPatch) -> None:
    named = "inception=inception_v3:/files/in ception.pth, own-2=torchscript:/files/a=b:c.pt,"
    monkeypatch.setenv("SYNTHCXR_EXTRACTORS", named)
    assert Settings().extractors == (
        SuppliedExtractor("inception", "inception_v3", Path("/files/in ception.pth")),
        SuppliedExtractor("own-2", "torchscript", Path("/files/a=b:c.pt")),
    )
    monkeypatch.setenv("SYNTHCXR_EXTRACTORS", "")
    assert Settings().extractors == ()


@pytest.mark.parametrize(
    "named",
    [
        "/files/inception.pth",
        "inception=/files/inception.pth",
        "inception=pickle:/files/inception.pth",
        "inception=inception_v3:",
        "a=torchscript:/x.pt,a=torchscript:/y.pt",
        "<b>=torchscript:/x.pt",
    ],
)
def test_extractors_named_otherwise_are_refused_at_the_start(
    named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCXR_EXTRACTORS", named)
    with pytest.raises(ValidationError, match="NAME=KIND:PATH"):
        Settings()


def test_a_tenant_has_the_quotas_of_all_except_where_it_has_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SYNTHCXR_DATASET_ROOTS", "/radiographs")
    monkeypatch.setenv("SYNTHCXR_MAX_QUEUED_JOBS", "5")
    monkeypatch.setenv("SYNTHCXR_MAX_IMAGES_PER_DAY", "1000")
    terms = '{"a": {"max_queued_jobs": null, "dataset_roots": ["/a"]}, "default": {}}'
    monkeypatch.setenv("SYNTHCXR_TENANTS", terms)
    settings = Settings()
    assert settings.quotas == Quotas(max_queued_jobs=5, max_images_per_day=1000)
    assert settings.tenant_terms == {
        "a": TenantTerms(Quotas(max_images_per_day=1000), (Path("/a"),)),
        "default": TenantTerms(settings.quotas, (Path("/radiographs"),)),
    }
    monkeypatch.setenv("SYNTHCXR_TENANTS", '{"a": {"max_queud_jobs": 1}}')
    with pytest.raises(ValidationError):
        Settings()


def test_nothing_is_limited_by_default_but_the_rate_of_requests() -> None:
    assert Settings().quotas == Quotas()
    assert Settings().max_requests_per_minute == 300_000
