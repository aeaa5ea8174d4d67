import json
import os
import ssl
from pathlib import Path

import pytest
from celery import Celery
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from service import settings as settings_module
from service.domain.dicomweb import DicomwebServer
from service.domain.extractors import SuppliedExtractor
from service.domain.job import JobKind
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
    monkeypatch.setattr(settings_module.settings, "NVIDIA_DRIVER", tmp_path / "nvidiactl")
    assert Settings().resolved_train_device == "cpu"
    (tmp_path / "nvidiactl").touch()
    assert Settings().resolved_train_device == "cuda"
    assert Settings(train_device="cpu").resolved_train_device == "cpu"


def test_a_worker_s_queues_are_all_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(Settings().worker_queues) == {kind.queue for kind in JobKind}
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


OIDC = {
    "oidc_issuer": "https://idp.example.org/realm",
    "oidc_audience": "synthcxr",
    "oidc_scopes": '{"cxr-research": ["train", "generate"]}',
}


def test_callers_must_show_a_key_unless_the_settings_say_otherwise() -> None:
    assert Settings().auth == "keys"
    assert Settings().identity_provider is None


def test_an_identity_provider_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OIDC.items():
        monkeypatch.setenv(f"SYNTHCXR_{name}".upper(), value)
    provider = Settings().identity_provider
    assert provider is not None
    assert provider.scopes == {"cxr-research": ("train", "generate")}


def test_empty_variables_mean_that_there_is_no_identity_provider() -> None:
    empty = dict.fromkeys(("oidc_issuer", "oidc_audience", "oidc_scopes", "oidc_tenant_claim"), "")
    assert Settings(**empty).identity_provider is None
    tenants = Settings(**(OIDC | {"oidc_tenant_claim": ""})).identity_provider
    assert tenants is not None
    assert tenants.tenant_claim is None


@pytest.mark.parametrize(
    "changes",
    [
        {"oidc_audience": None},
        {"oidc_audience": ""},
        {"oidc_scopes": ""},
        {"oidc_scopes": "{}"},
        {"oidc_scopes": '{"x": ["root"]}'},
        {"oidc_scopes": "[1]"},
        {"oidc_issuer": "http://idp.example.org"},
        {"oidc_issuer": "ftp://127.0.0.1"},
        {"oidc_issuer": "idp.example.org"},
        {"oidc_issuer": "http://127.0.0.1.example.org"},
        {"oidc_jwks_url": "http://idp.example.org/keys"},
        {"oidc_algorithms": "none"},
        {"oidc_algorithms": "RS256,HS256"},
    ],
)
def test_an_identity_provider_that_could_be_forged_is_refused(changes: dict[str, str]) -> None:
    Settings(**OIDC)
    with pytest.raises(ValidationError):
        Settings(**(OIDC | changes))


def test_a_value_may_lie_in_a_file_that_a_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://u@db/synthcxr\n")
    monkeypatch.setenv("SYNTHCXR_DATABASE_URL_FILE", str(secret))
    monkeypatch.setenv("SYNTHCXR_SCOPES_FILE", str(tmp_path / "scopes"))
    (tmp_path / "scopes").write_text("private:read,weights:read")
    assert Settings().resolved_database_url == "postgresql://u@db/synthcxr"
    assert Settings().scopes == ("private:read", "weights:read")
    monkeypatch.setenv("SYNTHCXR_DATABASE_URL", "postgresql://named/db")
    assert Settings().database_url == "postgresql://named/db"


def test_the_file_of_the_split_key_is_a_setting_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCXR_SPLIT_KEY_FILE", str(tmp_path / "key"))
    assert Settings().split_key_file == tmp_path / "key"


def test_a_named_file_that_cannot_be_read_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHCXR_DATABASE_PASSWORD_FILE", str(tmp_path / "absent"))
    with pytest.raises(ValueError, match="SYNTHCXR_DATABASE_PASSWORD_FILE names a file"):
        Settings()


def test_a_password_of_any_characters_goes_into_its_url_and_is_not_shown() -> None:
    settings = Settings(
        database_url="postgresql://u@db:5432/synthcxr",
        database_password="p@ss/w:rd#?",
        broker_url="redis://redis:6379/0",
        broker_password="äö %",
    )
    assert make_url(settings.resolved_database_url).password == "p@ss/w:rd#?"
    assert make_url(settings.resolved_database_url).host == "db"
    broker = Celery(broker=settings.resolved_broker_url).connection_for_write()
    assert (broker.hostname, broker.password) == ("redis", "äö %")
    assert "p@ss" not in repr(settings)


@pytest.mark.parametrize(
    ("query", "checked"),
    [
        ("", ssl.CERT_REQUIRED),
        ("?ssl_ca_certs=/etc/ssl/ca.pem", ssl.CERT_REQUIRED),
        ("?ssl_cert_reqs=none", ssl.CERT_NONE),
    ],
)
def test_a_broker_behind_tls_shows_a_certificate_unless_its_url_asks_for_none(
    query: str, checked: ssl.VerifyMode
) -> None:
    """The password is sent to nobody else."""
    settings = Settings(broker_url=f"rediss://redis:6379/0{query}", broker_password="secret")
    broker = Celery(broker=settings.resolved_broker_url).connection_for_write()
    assert broker.ssl["ssl_cert_reqs"] is checked


def test_each_of_several_brokers_behind_tls_shows_a_certificate() -> None:
    settings = Settings(broker_url="rediss://:s@a:6379/0;rediss://:s@b:6379/0")
    broker = Celery(broker=settings.resolved_broker_url).connection_for_write()
    for url, host in zip(broker.alt, "ab", strict=True):
        broker.switch(url)
        assert (broker.hostname, broker.ssl["ssl_cert_reqs"]) == (host, ssl.CERT_REQUIRED)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"artifacts": "/mnt/artifacts"}, "s3://BUCKET"),
        ({"artifacts": "s3://key:CANARY@bucket"}, "s3://BUCKET"),
        ({"artifacts": "s3://bucket/../other"}, "s3://BUCKET"),
        ({"s3_endpoint": "http://s3.hospital.example"}, "in plain"),
        ({"s3_endpoint": "https://key:CANARY@s3.example"}, "write a URL"),
        ({"s3_endpoint": "s3.example"}, "write a URL"),
        ({"s3_secret_access_key": "CANARY"}, "need each other"),
    ],
)
def test_an_object_store_that_cannot_be_meant_is_refused_without_its_secrets(
    wrong: dict[str, str], why: str
) -> None:
    with pytest.raises(ValidationError, match=why) as refused:
        Settings(**wrong)  # type: ignore[arg-type]
    assert "CANARY" not in str(refused.value)


def test_the_secret_of_an_object_store_comes_from_a_file_and_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("CANARY\n")
    monkeypatch.setenv("SYNTHCXR_S3_SECRET_ACCESS_KEY_FILE", str(tmp_path / "secret"))
    settings = Settings(
        artifacts="s3://images/synthcxr",
        s3_endpoint="http://minio:9000",
        s3_allow_http=True,
        s3_access_key_id=SecretStr("key"),
    )
    assert settings.s3_options["secret_access_key"] == "CANARY"
    assert settings.s3_endpoint_is_http
    assert "CANARY" not in f"{settings!r} {settings.model_dump_json()}"


PACS = {"url": "https://pacs.example.org/dicom-web/", "allow": ["read", "push"]}


def test_dicomweb_servers_are_named_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().named_dicomweb_servers == {}
    monkeypatch.setenv("SYNTHCXR_DICOMWEB_SERVERS", "")
    assert Settings().named_dicomweb_servers == {}
    monkeypatch.setenv("SYNTHCXR_DICOMWEB_SERVERS", json.dumps({"pacs": PACS}))
    server = DicomwebServer(
        "pacs", "https://pacs.example.org/dicom-web", allow=frozenset({"read", "push"})
    )
    assert Settings().named_dicomweb_servers == {"pacs": server}
    assert hash(Settings()) == hash(Settings())


def test_dicomweb_servers_may_lie_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "servers.json").write_text(json.dumps({"pacs": PACS}))
    monkeypatch.setenv("SYNTHCXR_DICOMWEB_SERVERS_FILE", str(tmp_path / "servers.json"))
    assert list(Settings().named_dicomweb_servers) == ["pacs"]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://pacs.example.org"},
        {"url": "ftp://pacs.example.org"},
        {"url": "pacs.example.org"},
        {"url": "https://pacs.example.org:port"},
        {"url": "https://name:secret@pacs.example.org"},
        {"url": "https://pacs.example.org?token=secret"},
        {"username": "cxr"},
        {"password_file": "/run/secrets/pacs"},
        {"username": "cxr", "password_file": "/p", "token_file": "/t"},
        {"allow": []},
        {"allow": ["delete"]},
        {"tenants": []},
        {"password": "secret"},
    ],
)
def test_a_dicomweb_server_that_would_be_unsafe_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(dicomweb_servers={"pacs": PACS | changes})


@pytest.mark.parametrize("name", ["", "a b", "https://pacs", "x" * 41])
def test_the_name_of_a_dicomweb_server_is_a_word(name: str) -> None:
    with pytest.raises(ValidationError):
        Settings(dicomweb_servers={name: PACS})


def test_plain_http_is_for_the_loopback_or_by_request() -> None:
    assert Settings(dicomweb_servers={"a": {"url": "http://127.0.0.1:8042"}})
    named = {"url": "http://pacs.example.org", "allow_http": True}
    assert Settings(dicomweb_servers={"a": named})


def test_hosts_of_webhooks_have_the_usual_ports_or_those_that_are_named(tmp_path: Path) -> None:
    named = "a.hospital.test, B.hospital.test:9443,[fd00::1]:8443"
    rules = Settings(data_dir=tmp_path, webhook_hosts=named).webhook_rules
    assert dict(rules.hosts) == {
        "a.hospital.test": frozenset({443, 8443}),
        "b.hospital.test": frozenset({9443}),
        "fd00::1": frozenset({8443}),
    }
    assert Settings(data_dir=tmp_path, webhook_hosts="").webhook_rules.hosts == ()
    with pytest.raises(ValidationError, match="HOST"):
        Settings(data_dir=tmp_path, webhook_hosts="https://a.hospital.test/")
