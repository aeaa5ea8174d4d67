"""How one deployment differs from another: read from the environment once, then frozen."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from service.domain import limits
from service.domain.approvals import MOST_REQUIRED
from service.domain.extractors import ExtractorKind, SuppliedExtractor
from service.domain.job import JobKind
from service.settings.addresses import with_checked_certificate, with_password
from service.settings.dicomweb import DicomwebSettings
from service.settings.identity_provider import IdentityProviderSettings
from service.settings.named_files import NamedFiles
from service.settings.object_store import ObjectStoreSettings
from service.settings.tenants import TenantsSettings
from service.settings.webhooks import WebhookSettings

_ENTRY = re.compile(
    rf"(?P<name>[A-Za-z0-9][\w.-]{{0,39}})=(?P<kind>{'|'.join(get_args(ExtractorKind))}):(?P<path>.+)"
)
NVIDIA_DRIVER = Path("/dev/nvidiactl")


# far beyond what one process answers to one client: who serves many sets what they need
MAX_REQUESTS_PER_MINUTE = 300_000


class Settings(
    ObjectStoreSettings,
    TenantsSettings,
    DicomwebSettings,
    WebhookSettings,
    IdentityProviderSettings,
    BaseSettings,
):
    """Settings of the service and of the workers, each from `SYNTHCXR_<NAME>`.

    `SYNTHCXR_<NAME>_FILE` names a file that holds the value instead, for secrets. Those
    of a subject lie beside this: the S3 store, tenants, DICOMweb servers, webhooks, the identity
    provider.

    Attributes:
        data_dir: Where artifacts, uploads and the embedded database live.
        database_url: SQLAlchemy URL; by default SQLite under `data_dir`.
        database_password: Goes into `database_url`; any characters.
        broker_url: Celery broker; without one, jobs wait for the scheduler of a process that has.
        broker_password: Goes into `broker_url`.
        split_key_file: The secret that datasets are split under, 32 bytes; by default
            `keys/split.key` under `data_dir`, made when it is first needed.
        host: Address the API listens on.
        port: Port the API listens on.
        allowed_hosts: Further names that clients reach the API by, separated by commas. Loopback
            names, `host` and the address that a request arrives at are always allowed.
        max_connections: Most connections at once; fewer where the process may open fewer files.
        max_streams: Most streams and waiting requests at once.
        max_streams_per_caller: Most of one caller.
        lease_seconds: How long a silent worker keeps its job.
        heartbeat_seconds: How often a worker looks for a cancel.
        stall_seconds: After so long without a step, and after twenty times its slowest step, a
            job's process is killed and the attempt given up.
        stop_seconds: How long a worker that is asked to stop waits for its job's next step.
        min_free_bytes: With less room than this in `data_dir`, `/readyz` says so.
        hospital: Who releases sets, as reports and certificates name it.
        show_dataset_name: Whether reports and certificates name the dataset, as its client does.
        scheduler_interval_seconds: How often waiting jobs are announced again.
        max_attempts_without_checkpoint: After so many fruitless attempts a job fails.
        train_device: The kind of device the workers of `gpu.train` have, cpu or cuda; presets are
            chosen for it. auto: cuda where the API's own machine has an NVIDIA driver.
        worker_queues: The queues a worker serves, separated by commas; its command line sets them.
        prepare_after_training: Whether what the sets of a model are examined with is learned right
            after its training, by the worker of `gpu.prepare`, and not before the first set.
        torch_threads: Threads of one worker; by default a training or generation on the CPU chooses
            by measurement, and everything else takes one per core. With a number, a training with a
            budget in images gives the same model bit for bit.
        gpu_memory_share: Of a GPU's memory that one worker may take, in (0, 1]; by default 0.6
            where it trains alone, 0.35 where it generates alone and 0.95 where it does both.
        max_warm_models: How many models a worker of `gpu.generate` and `gpu.score` keeps loaded
            that serves no other queue; 0 keeps none.
        max_warm_model_bytes: How large their weights may be together.
        max_upload_bytes: Largest archive accepted.
        upload_retention_seconds: How long the archive of an ingest is kept that failed or was
            cancelled, so that it can be retried.
        max_json_bytes: Largest JSON body accepted.
        max_images_per_set: Largest synthetic set.
        checkpoint_interval_seconds: Least time between two checkpoints of a training.
        max_examinations_per_model: So many sets of one model are examined, refused and deleted ones
            counted; the workers need the same value.
        max_findings_per_model: Largest number of sets per model whose findings of single images can
            be read.
        max_previews_per_model: Largest number of previews of one model, whose images nobody
            examines; deleted ones counted.
        required_approvals: So many different people with the scope release:approve have to approve
            a set before it can be downloaded or pushed; 0 to 2.
        extractors: Networks whose files the operator supplies, to compare sets by besides our own:
            `NAME=KIND:PATH`, separated by commas. KIND is inception_v3 (torchvision's state dict),
            torchscript (a program, which is run) or image_classifier (one of our own).
        max_requests_per_minute: Of one caller, in each process of the API; 0 for no limit.
        max_failed_authentications_per_minute: Of one address, likewise.
        auth: keys: callers show an API key or a token. none: everybody is let in; only on a
            loopback address.
        scopes: What the token of `synthcxr up` allows besides its work, and everybody where auth
            is none; separated by commas: private:read for images and findings that are not
            released, such as previews of a training, weights:read for the weights of models that
            were cleared.
        log_level: As Python's logging names it.
    """

    model_config = SettingsConfigDict(
        env_prefix="SYNTHCXR_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Path("synthcxr-data")
    database_url: str | None = None
    database_password: SecretStr | None = None
    broker_url: str | None = None
    broker_password: SecretStr | None = None
    split_key_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8765, ge=0, le=65535)
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    max_connections: int = Field(default=4096, ge=1)
    max_streams: int = Field(default=2048, ge=1)
    max_streams_per_caller: int = Field(default=1024, ge=1)
    lease_seconds: float = Field(default=30.0, gt=0)
    heartbeat_seconds: float = Field(default=0.5, gt=0)
    stall_seconds: float = Field(default=300.0, gt=0)
    stop_seconds: float = Field(default=15.0, ge=0)
    min_free_bytes: int = Field(default=2**30, ge=0)
    hospital: str | None = Field(default=None, max_length=200)
    show_dataset_name: bool = False
    scheduler_interval_seconds: float = Field(default=1.0, gt=0)
    max_attempts_without_checkpoint: int = Field(default=3, ge=1)
    train_device: Literal["auto", "cpu", "cuda"] = "auto"
    worker_queues: Annotated[tuple[str, ...], NoDecode] = tuple(kind.queue for kind in JobKind)
    prepare_after_training: bool = True
    torch_threads: int | None = Field(default=None, ge=1)
    gpu_memory_share: float | None = Field(default=None, gt=0, le=1)
    max_warm_models: int = Field(default=3, ge=0)
    max_warm_model_bytes: int = Field(default=2**30, ge=0)
    max_upload_bytes: int = Field(default=8 * 2**30, ge=1)
    upload_retention_seconds: float = Field(default=limits.UPLOAD_RETENTION_SECONDS, ge=0)
    max_json_bytes: int = Field(default=limits.MAX_JSON_BYTES, ge=1)
    max_images_per_set: int = Field(default=limits.MAX_IMAGES_PER_SET, ge=1)
    checkpoint_interval_seconds: float = Field(default=15.0, gt=0)
    max_examinations_per_model: int = Field(default=limits.MAX_EXAMINATIONS_PER_MODEL, ge=1)
    max_findings_per_model: int = Field(default=limits.MAX_FINDINGS_PER_MODEL, ge=0)
    max_previews_per_model: int = Field(default=limits.MAX_PREVIEWS_PER_MODEL, ge=0)
    required_approvals: int = Field(default=0, ge=0, le=MOST_REQUIRED)
    extractors: Annotated[tuple[SuppliedExtractor, ...], NoDecode] = ()
    auth: Literal["keys", "none"] = "keys"
    scopes: Annotated[tuple[Literal["private:read", "weights:read"], ...], NoDecode] = ()
    max_requests_per_minute: int = Field(default=MAX_REQUESTS_PER_MINUTE, ge=0)
    max_failed_authentications_per_minute: int = Field(default=60, ge=0)
    log_level: str = "INFO"

    @field_validator("worker_queues", "scopes", "allowed_hosts", mode="before")
    @classmethod
    def _split_names(cls, value: Any) -> Any:
        return [name for name in value.split(",") if name] if isinstance(value, str) else value

    @field_validator("extractors", mode="before")
    @classmethod
    def _split_extractors(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = [_ENTRY.fullmatch(entry.strip()) for entry in value.split(",") if entry.strip()]
        if not all(found) or len({entry["name"] for entry in found if entry}) < len(found):
            raise ValueError(
                "Write NAME=KIND:PATH, separated by commas, every name once; "
                f"KIND is one of {', '.join(get_args(ExtractorKind))}."
            )
        return [entry.groupdict() for entry in found if entry]

    @field_validator("hospital")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """Return the names by which clients may reach the API besides those of the loopback."""
        anywhere = {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        return (*({self.host} - anywhere), *self.allowed_hosts)

    def __hash__(self) -> int:
        """Hash the values: what is opened for a process is cached by its settings."""
        return hash(self.model_dump_json())  # `tenants` is a dict, which has no hash

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read a value from its variable, or from the file that `<variable>_FILE` names."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, NamedFiles(settings_cls)

    @property
    def resolved_train_device(self) -> Literal["cpu", "cuda"]:
        """Return the kind of device that trains, found without importing torch."""
        if self.train_device == "auto":
            return "cuda" if NVIDIA_DRIVER.exists() else "cpu"
        return self.train_device

    @property
    def resolved_database_url(self) -> str:
        """Return the database that is meant when none is named."""
        if self.database_url:
            return with_password(self.database_url, self.database_password)
        return f"sqlite:///{self.data_dir.resolve() / 'synthcxr.db'}"

    @property
    def resolved_broker_url(self) -> str | None:
        """Return the broker with its password, if one is named; with TLS it shows a certificate.

        Of several, with ";" between them, each shows one, since Celery turns to any of them.
        """
        if not self.broker_url:
            return None
        url = with_password(self.broker_url, self.broker_password)
        return ";".join(map(with_checked_certificate, url.split(";")))
