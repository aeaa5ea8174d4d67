"""The DICOMweb servers that datasets are read from and released sets pushed to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator
from pydantic_settings import NoDecode

from service.domain.caller import DEFAULT_TENANT
from service.domain.dicomweb import DicomwebServer, DicomwebUse
from service.settings.addresses import is_loopback


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
_SERVERS = TypeAdapter(dict[DicomwebName, DicomwebServerSettings])


class DicomwebSettings(BaseModel):
    """Which servers there are, and how long and how much is read from one.

    Attributes:
        dicomweb_servers: Servers that datasets are read from and released sets pushed to, as JSON:
            `{"NAME": {"url": "https://pacs.example.org/dicom-web", "allow": ["read", "push"]}}`;
            docs/dicomweb.md has all keys.
        dicomweb_request_seconds: How long one request to such a server may take in all.
        dicomweb_max_bytes: Largest dataset that is fetched from one.
    """

    dicomweb_servers: Annotated[dict[DicomwebName, DicomwebServerSettings], NoDecode] = Field(
        default_factory=dict
    )
    dicomweb_request_seconds: float = Field(default=120.0, gt=0)
    dicomweb_max_bytes: int = Field(default=256 * 2**30, ge=1)

    @field_validator("dicomweb_servers", mode="before")
    @classmethod
    def _read_servers(cls, value: Any) -> Any:
        return _SERVERS.validate_json(value or "{}") if isinstance(value, str) else value

    @property
    def named_dicomweb_servers(self) -> Mapping[str, DicomwebServer]:
        """Return the DICOMweb servers by name."""
        return {name: each.named(name) for name, each in self.dicomweb_servers.items()}
