"""Where artifacts and uploads lie, and how an S3 store is reached."""

import re
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator

from service.settings.addresses import is_loopback

_BUCKET_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w-][\w.-]*)*/?", re.ASCII)


class ObjectStoreSettings(BaseModel):
    """The S3 store, where there is one.

    Attributes:
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
    """

    artifacts: str | None = None
    artifact_cache_bytes: int = Field(default=50 * 2**30, ge=0)
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_access_key_id: SecretStr | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_session_token: SecretStr | None = None
    s3_allow_http: bool = False

    @field_validator("artifacts", "s3_endpoint", "s3_region")
    @classmethod
    def _empty_name_is_none(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("s3_access_key_id", "s3_secret_access_key", "s3_session_token")
    @classmethod
    def _empty_secret_is_none(cls, value: SecretStr | None) -> SecretStr | None:
        return value or None

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


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None
