"""How one deployment differs from another: read from the environment once, then frozen."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import quote, urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from service.domain.approvals import MOST_REQUIRED
from service.domain.caller import DEFAULT_TENANT, Scope
from service.domain.dicomweb import DicomwebServer, DicomwebUse
from service.domain.extractors import ExtractorKind, SuppliedExtractor
from service.domain.identity_provider import IdentityProvider
from service.domain.job import JobKind
from service.domain.quotas import Quotas
from service.domain.tenants import TenantTerms

_ENTRY = re.compile(
    rf"(?P<name>[A-Za-z0-9][\w.-]{{0,39}})=(?P<kind>{'|'.join(get_args(ExtractorKind))}):(?P<path>.+)"
)
NVIDIA_DRIVER = Path("/dev/nvidiactl")
_BUCKET_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w-][\w.-]*)*/?", re.ASCII)


# far beyond what one process answers to one client: who serves many sets what they need
MAX_REQUESTS_PER_MINUTE = 300_000

Limit = Annotated[int, Field(ge=0)] | None


class TenantSettings(BaseModel):
    """What one tenant may use, where it differs from what all may; null: without a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset_roots: tuple[Path, ...] = ()
    max_queued_jobs: Limit = None
    max_worker_seconds_per_day: Limit = None
    max_stored_bytes: Limit = None
    max_images_per_day: Limit = None


class DicomwebServerSettings(BaseModel):
    """One DICOMweb server; see `DicomwebServer`.

    Attributes:
        allow_http: Whether it is reached without TLS, which anybody on the way can read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    allow: tuple[DicomwebUse, ...] = Field(default=("read",), min_length=1)
    tenants: tuple[str, ...] = Field(default=(DEFAULT_TENANT,), min_length=1)
    username: str | None = Field(default=None, min_length=1)
    password_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    allow_http: bool = False

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        url = urlsplit(self.url)
        clear = self.allow_http or is_loopback(url.hostname or "")
        _ = url.port  # raises ValueError where it is none
        if not url.hostname or url.scheme not in ({"https", "http"} if clear else {"https"}):
            raise ValueError("`url` is an https URL; with `allow_http` http is allowed too.")
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("`url` holds no credentials, no query and no fragment.")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("`username` and `password_file` come together.")
        if self.username and self.token_file:
            raise ValueError("Give `token_file`, or `username` and `password_file`, not both.")
        return self

    def named(self, name: str) -> DicomwebServer:
        """Return the server under its name."""
        return DicomwebServer(
            name=name,
            url=self.url.rstrip("/"),
            allow=frozenset(self.allow),
            tenants=frozenset(self.tenants),
            username=self.username,
            password_file=self.password_file,
            token_file=self.token_file,
            ca_file=self.ca_file,
        )


DicomwebName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,39}$")]

# public-key signatures alone: a token is never checked with a secret that its reader holds too
Asymmetric = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
_SERVERS = TypeAdapter(dict[DicomwebName, DicomwebServerSettings])
_SCOPES_BY_VALUE = TypeAdapter(dict[str, tuple[Scope, ...]])


class Settings(BaseSettings):
    """Settings of the service and of the workers, each from `SYNTHCXR_<NAME>`.

    `SYNTHCXR_<NAME>_FILE` names a file that holds the value instead, for secrets.

    Attributes:
        data_dir: Where artifacts, uploads and the embedded database live.
        artifacts: `s3://BUCKET/PREFIX` keeps artifacts and uploads in an S3 store; by default they
            lie in `data_dir`.
        artifact_cache_bytes: How large the local copies of them may be, in `cache/` of `data_dir`.
        s3_endpoint: URL of the store, such as https://s3.hospital.example; by default that of AWS,
            or `AWS_ENDPOINT_URL`.
        s3_region: Region of the bucket; by default `AWS_REGION`, or us-east-1.
        s3_access_key_id: With the next one, whose credentials are used; by default those that AWS
            tools would find: `AWS_*`, or the identity of the pod or machine.
        s3_secret_access_key: Its secret.
        s3_session_token: Where the credentials are temporary.
        s3_allow_http: Lets `s3_endpoint` be plain HTTP on another machine.
        database_url: SQLAlchemy URL; by default SQLite under `data_dir`.
        database_password: Goes into `database_url`; any characters.
        broker_url: Celery broker; without one, jobs wait for the scheduler of a process that has.
        broker_password: Goes into `broker_url`.
        dataset_roots: Folders below which `POST /datasets {"path": ...}` may read; in the
            environment separated as in PATH.
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
        torch_threads: Threads of one worker; by default one per core.
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
        required_approvals: So many different people with the scope release:approve have to approve
            a set before it can be downloaded or pushed; 0 to 2.
        extractors: Networks whose files the operator supplies, to compare sets by besides our own:
            `NAME=KIND:PATH`, separated by commas. KIND is inception_v3 (torchvision's state dict),
            torchscript (a program, which is run) or image_classifier (one of our own).
        dicomweb_servers: Servers that datasets are read from and released sets pushed to, as JSON:
            `{"NAME": {"url": "https://pacs.example.org/dicom-web", "allow": ["read", "push"]}}`;
            docs/dicomweb.md has all keys.
        dicomweb_request_seconds: How long one request to such a server may take in all.
        dicomweb_max_bytes: Largest dataset that is fetched from one.
        scopes: What callers may see besides public data, separated by commas: private:read for
            images and findings that are not released, such as previews of a training, weights:read
            for the weights of models that were cleared.
        max_queued_jobs: Jobs of one tenant that may wait at once; by default any number, as for
            the next three.
        max_worker_seconds_per_day: Seconds that workers spend on a tenant's jobs, per UTC day.
        max_stored_bytes: Bytes of a tenant's datasets, and of uploads until they are ingested.
        max_images_per_day: Images that a tenant generates, per UTC day.
        max_requests_per_minute: Of one caller, in each process of the API; 0 for no limit.
        max_failed_authentications_per_minute: Of one address, likewise.
        tenants: What tenants may use where it differs, as JSON: `{"NAME": {"max_queued_jobs": 5,
            "dataset_roots": ["/data/NAME"]}}`. Only the default tenant reads `dataset_roots`.
        auth: keys: callers show an API key or a token. none: everybody is let in; only on a
            loopback address.
        scopes: What the token of `synthcxr up` allows besides its work, and everybody where auth
            is none; separated by commas: private:read for images and findings that are not
            released, such as previews of a training, weights:read for the weights of models that
            were cleared.
        oidc_issuer: The identity provider (OpenID Connect) whose tokens are accepted beside API
            keys: its https URL, as its tokens name it. The settings below matter with it alone.
        oidc_audience: What its tokens for this service have as `aud`.
        oidc_scopes: JSON that maps values of the scope claim to scopes, such as
            {"cxr-research": ["train", "generate"]}.
        oidc_scope_claim: The claim that holds such values; a path such as `realm_access.roles`
            finds one in another.
        oidc_tenant_claim: The claim that names the tenant; by default all are of one.
        oidc_jwks_url: Where its public keys are; by default where its discovery document says.
        oidc_algorithms: Signatures that are accepted, separated by commas.
        log_level: As Python's logging names it.
    """

    model_config = SettingsConfigDict(
        env_prefix="SYNTHCXR_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Path("synthcxr-data")
    artifacts: str | None = None
    artifact_cache_bytes: int = Field(default=50 * 2**30, ge=0)
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_session_token: SecretStr | None = None
    s3_allow_http: bool = False
    database_url: str | None = None
    database_password: SecretStr | None = None
    broker_url: str | None = None
    broker_password: SecretStr | None = None
    dataset_roots: Annotated[tuple[Path, ...], NoDecode] = ()
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
    torch_threads: int | None = Field(default=None, ge=1)
    max_warm_models: int = Field(default=3, ge=0)
    max_warm_model_bytes: int = Field(default=2**30, ge=0)
    max_upload_bytes: int = Field(default=8 * 2**30, ge=1)
    upload_retention_seconds: float = Field(default=86_400.0, ge=0)
    max_json_bytes: int = Field(default=2**20, ge=1)
    max_images_per_set: int = Field(default=50_000, ge=1)
    checkpoint_interval_seconds: float = Field(default=15.0, gt=0)
    max_examinations_per_model: int = Field(default=50, ge=1)
    max_findings_per_model: int = Field(default=10, ge=0)
    required_approvals: int = Field(default=0, ge=0, le=MOST_REQUIRED)
    extractors: Annotated[tuple[SuppliedExtractor, ...], NoDecode] = ()
    dicomweb_servers: Annotated[dict[DicomwebName, DicomwebServerSettings], NoDecode] = Field(
        default_factory=dict
    )
    dicomweb_request_seconds: float = Field(default=120.0, gt=0)
    dicomweb_max_bytes: int = Field(default=256 * 2**30, ge=1)
    auth: Literal["keys", "none"] = "keys"
    scopes: Annotated[tuple[Literal["private:read", "weights:read"], ...], NoDecode] = ()
    max_queued_jobs: Limit = None
    max_worker_seconds_per_day: Limit = None
    max_stored_bytes: Limit = None
    max_images_per_day: Limit = None
    max_requests_per_minute: int = Field(default=MAX_REQUESTS_PER_MINUTE, ge=0)
    max_failed_authentications_per_minute: int = Field(default=60, ge=0)
    tenants: dict[str, TenantSettings] = Field(default_factory=dict)
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_scopes: Annotated[tuple[tuple[str, tuple[Scope, ...]], ...], NoDecode] = ()
    oidc_scope_claim: str = "scope"
    oidc_tenant_claim: str | None = None
    oidc_jwks_url: str | None = None
    oidc_algorithms: Annotated[tuple[Asymmetric, ...], NoDecode] = ("RS256", "PS256", "ES256")
    log_level: str = "INFO"

    @field_validator("dataset_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        return value.split(os.pathsep) if isinstance(value, str) and value else value or ()

    @field_validator("worker_queues", "scopes", "allowed_hosts", "oidc_algorithms", mode="before")
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

    @field_validator("dicomweb_servers", mode="before")
    @classmethod
    def _read_servers(cls, value: Any) -> Any:
        return _SERVERS.validate_json(value or "{}") if isinstance(value, str) else value

    @field_validator("oidc_scopes", mode="before")
    @classmethod
    def _read_oidc_scopes(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(_SCOPES_BY_VALUE.validate_json(value or "{}").items())

    @field_validator(
        *("artifacts", "s3_endpoint", "s3_region", "hospital"),
        *("oidc_issuer", "oidc_audience", "oidc_tenant_claim", "oidc_jwks_url"),
    )
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("s3_access_key_id", "s3_secret_access_key", "s3_session_token")
    @classmethod
    def _empty_secret_is_none(cls, value: SecretStr | None) -> SecretStr | None:
        return value or None

    @field_validator("oidc_issuer", "oidc_jwks_url")
    @classmethod
    def _must_be_https(cls, value: str | None) -> str | None:
        if value is None:
            return None
        url = urlsplit(value)
        on_this_machine = url.scheme == "http" and is_loopback(url.hostname or "")
        if not url.hostname or not (url.scheme == "https" or on_this_machine):
            raise ValueError("Write an https URL: over plain HTTP anybody could forge the keys.")
        return value

    @field_validator("artifacts")
    @classmethod
    def _must_be_a_bucket(cls, value: str | None) -> str | None:
        if value is not None and not _BUCKET_URL.fullmatch(value):
            raise ValueError(
                "Write s3://BUCKET or s3://BUCKET/PREFIX, where the prefix has letters, digits, "
                "hyphens, underscores, dots and slashes; keys and passwords have no place in it."
            )
        return value

    @model_validator(mode="after")
    def _s3_can_be_reached(self) -> Self:
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            raise ValueError(
                "SYNTHCXR_S3_ACCESS_KEY_ID and SYNTHCXR_S3_SECRET_ACCESS_KEY need each other."
            )
        if self.s3_endpoint is None:
            return self
        url = urlsplit(self.s3_endpoint)
        if url.scheme not in {"http", "https"} or not url.hostname or "@" in url.netloc:
            raise ValueError("SYNTHCXR_S3_ENDPOINT: write a URL such as https://s3.example.")
        if url.scheme == "http" and not (is_loopback(url.hostname) or self.s3_allow_http):
            raise ValueError(
                "SYNTHCXR_S3_ENDPOINT: write an https URL, or private images cross the network in "
                "plain; SYNTHCXR_S3_ALLOW_HTTP=true accepts that."
            )
        return self

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        if self.oidc_issuer and not (self.oidc_audience and self.oidc_scopes):
            raise ValueError(
                "SYNTHCXR_OIDC_ISSUER needs SYNTHCXR_OIDC_AUDIENCE, or tokens for other services "
                "would be accepted, and SYNTHCXR_OIDC_SCOPES, or none would allow anything."
            )
        return self

    @property
    def s3_endpoint_is_http(self) -> bool:
        """Whether the object store is reached without TLS."""
        return (self.s3_endpoint or "").startswith("http:")

    @property
    def s3_options(self) -> Mapping[str, str]:
        """Return how the object store is reached, as far as it is named; with secrets."""
        named = {
            "endpoint": self.s3_endpoint,
            "region": self.s3_region,
            "access_key_id": _revealed(self.s3_access_key_id),
            "secret_access_key": _revealed(self.s3_secret_access_key),
            "session_token": _revealed(self.s3_session_token),
        }
        return {name: value for name, value in named.items() if value}

    @property
    def identity_provider(self) -> IdentityProvider | None:
        """Return whose tokens are accepted, if any."""
        if self.oidc_issuer is None or self.oidc_audience is None:
            return None
        return IdentityProvider(
            issuer=self.oidc_issuer,
            audience=self.oidc_audience,
            scopes=dict(self.oidc_scopes),
            scope_claim=self.oidc_scope_claim,
            tenant_claim=self.oidc_tenant_claim,
            jwks_url=self.oidc_jwks_url,
            algorithms=self.oidc_algorithms,
        )

    @property
    def own_hosts(self) -> tuple[str, ...]:
        """Return the names by which clients may reach the API besides those of the loopback."""
        anywhere = {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not bound
        return (*({self.host} - anywhere), *self.allowed_hosts)

    @property
    def quotas(self) -> Quotas:
        """Return the limits of a tenant that has none of its own."""
        return Quotas(
            self.max_queued_jobs,
            self.max_worker_seconds_per_day,
            self.max_stored_bytes,
            self.max_images_per_day,
        )

    @property
    def tenant_terms(self) -> Mapping[str, TenantTerms]:
        """Return the terms of the tenants that have their own."""
        terms = {}
        for name, tenant in self.tenants.items():
            own = {limit: getattr(tenant, limit) for limit in tenant.model_fields_set}
            default = self.dataset_roots if name == DEFAULT_TENANT else ()
            roots = own.pop("dataset_roots", default)
            terms[name] = TenantTerms(replace(self.quotas, **own), roots)
        return terms

    @property
    def named_dicomweb_servers(self) -> Mapping[str, DicomwebServer]:
        """Return the DICOMweb servers by name."""
        return {name: each.named(name) for name, each in self.dicomweb_servers.items()}

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
        return init_settings, env_settings, _NamedFiles(settings_cls)

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
            return _with_password(self.database_url, self.database_password)
        return f"sqlite:///{self.data_dir.resolve() / 'synthcxr.db'}"

    @property
    def resolved_broker_url(self) -> str | None:
        """Return the broker with its password, if one is named."""
        return self.broker_url and _with_password(self.broker_url, self.broker_password)


class _NamedFiles(PydanticBaseSettingsSource):
    """Values that lie in files, as secrets do in containers."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Read one value; None where no file is named."""
        del field
        variable = f"SYNTHCXR_{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path or variable.removeprefix("SYNTHCXR_").lower() in Settings.model_fields:
            return None, field_name, False
        try:
            return Path(path).read_text().strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise ValueError(f"{variable} names a file that cannot be read: {why}.") from error

    def __call__(self) -> dict[str, Any]:
        """Read all values that are named."""
        found = {}
        for name, field in Settings.model_fields.items():
            text, _, is_complex = self.get_field_value(field, name)
            if text is not None:
                found[name] = self.prepare_field_value(name, field, text, is_complex)
        return found


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _with_password(url: str, password: SecretStr | None) -> str:
    """Put a password into a URL, unless it has one."""
    parts = urlsplit(url)
    if password is None or parts.password:
        return url
    user, _, host = parts.netloc.rpartition("@")
    quoted = quote(password.get_secret_value(), safe="")
    return parts._replace(netloc=f"{user}:{quoted}@{host}").geturl()


def is_loopback(host: str) -> bool:
    """Say whether an address or name to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
