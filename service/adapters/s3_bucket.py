"""A bucket of an S3 store, by obstore: small objects, and failures in words that say what to do.

Nothing that the store or the client library says is passed on: it may hold keys of an account.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

import obstore
import structlog
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    GenericError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from service.domain.errors import ArtifactsUnavailable
from service.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Config

_log = structlog.get_logger()

_PROBE = "probe"
_REFUSED = re.compile(
    r"status code: 40[13]|ExpiredToken|InvalidAccessKeyId|InvalidToken|credential", re.IGNORECASE
)
_REDIRECTED = re.compile(r"status code: 30[1278]|AuthorizationHeaderMalformed")

# A request is sent again so often, and for so long; a worker's job shows no step meanwhile.
_MAX_RETRIES = 4
_RETRY_SECONDS = 60.0
_REQUEST_SECONDS = 60.0  # of one part of a file at a few megabits a second
_CONNECT_SECONDS = 5.0
_PROBE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object.

    Attributes:
        path: Below the prefix of the bucket.
        changed_at: When it was written.
    """

    path: str
    changed_at: datetime


class S3Bucket:
    """The part of a bucket below a prefix.

    Every method raises ArtifactsUnavailable when the store cannot be used.

    Args:
        settings: Name the bucket, and how to reach it; what they leave out is found as by the AWS
            tools (`AWS_*`, the identity of a pod or machine).
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.artifacts is not None, "only an s3:// URL leads here"
        self._bucket, _, self._prefix = settings.artifacts.removeprefix("s3://").partition("/")
        self._store = self._open(settings, _REQUEST_SECONDS, _MAX_RETRIES)
        self._probe = self._open(settings, _PROBE_SECONDS, 0)

    def _open(self, settings: Settings, seconds: float, retries: int) -> S3Store:
        with self._unavailable_by_name():
            return S3Store(
                self._bucket,
                prefix=self._prefix.strip("/") or None,
                client_options={
                    "allow_http": settings.s3_endpoint_is_http or settings.s3_allow_http,
                    "timeout": timedelta(seconds=seconds),
                    "connect_timeout": timedelta(seconds=min(_CONNECT_SECONDS, seconds)),
                },
                retry_config={
                    "max_retries": retries,
                    "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
                    "backoff": {
                        "init_backoff": timedelta(seconds=0.2),
                        "max_backoff": timedelta(seconds=5),
                        "base": 2,
                    },
                },
                config=cast("S3Config", settings.s3_options),
            )

    def check(self, *, writing: bool = False) -> None:
        """Find out at once whether the bucket can be read, or written too."""
        with self._unavailable_by_name():
            try:
                if writing:
                    obstore.put(self._probe, _PROBE, b"", use_multipart=False)
                else:
                    obstore.get(self._probe, _PROBE)
            except FileNotFoundError as error:
                self._bucket_must_exist(error)

    def read(self, path: str) -> bytes | None:
        """Return an object, or None where there is none.

        The library asks again when a request fails, and not when an answer breaks off.
        """
        try:
            return self._read(path)
        except ArtifactsUnavailable:
            return self._read(path)

    def _read(self, path: str) -> bytes | None:
        with self._unavailable_by_name():
            try:
                return bytes(obstore.get(self._store, path).bytes())
            except FileNotFoundError as error:
                self._bucket_must_exist(error)
                return None

    def write(self, path: str, content: bytes) -> None:
        """Write an object whole, over the one that is there."""
        with self._unavailable_by_name():
            obstore.put(self._store, path, content, use_multipart=False)

    def create(self, path: str, content: bytes) -> bool:
        """Write an object unless there is one; return whether it is ours.

        The library sends no conditional request twice, since the answer to the first may be what
        was lost; so it is looked up before the next try.
        """
        for last in (False,) * _MAX_RETRIES + (True,):
            try:
                with self._unavailable_by_name():
                    obstore.put(self._store, path, content, mode="create", use_multipart=False)
                    return True
            except AlreadyExistsError:
                return self.read(path) == content
            except ArtifactsUnavailable:
                found = self.read(path)
                if found is not None:
                    return found == content
                if last:
                    raise
        raise AssertionError("the last try returns or raises")

    def below(self, folder: str) -> Iterator[StoredObject]:
        """List what lies below a folder."""
        with self._unavailable_by_name():
            for page in obstore.list(self._store, folder):
                for found in page:
                    yield StoredObject(found["path"], found["last_modified"])

    def delete(self, paths: Sequence[str]) -> None:
        """Remove objects, of which some may be gone."""
        with self._unavailable_by_name():
            try:
                if paths:
                    obstore.delete(self._store, list(paths))
            except FileNotFoundError as error:
                self._bucket_must_exist(error)

    def _bucket_must_exist(self, error: FileNotFoundError) -> None:
        if "NoSuchBucket" in str(error):
            raise self._no_bucket() from None

    def _no_bucket(self) -> ArtifactsUnavailable:
        return ArtifactsUnavailable(
            f"There is no bucket {self._bucket!r}. The operator makes it, or corrects "
            "SYNTHCXR_ARTIFACTS; jobs wait until then."
        )

    @contextmanager
    def _unavailable_by_name(self) -> Iterator[None]:
        """Turn the library's errors into ours, by cause and without their text."""
        try:
            yield
        except AlreadyExistsError:
            raise
        except (BaseError, FileNotFoundError) as error:
            found = self._named(error)
            _log.warning("artifacts unavailable", kind=type(error).__name__, reason=str(found))
            raise found from None

    def _named(self, error: Exception) -> ArtifactsUnavailable:
        text = str(error).partition("Debug source")[0]
        if "NoSuchBucket" in text:
            return self._no_bucket()
        if isinstance(error, PermissionDeniedError | UnauthenticatedError) or (
            isinstance(error, GenericError) and _REFUSED.search(text)
        ):
            return ArtifactsUnavailable(
                "The object store refuses the credentials: they are wrong, have expired, or do not "
                "allow this. The operator renews them; jobs wait until then."
            )
        if _REDIRECTED.search(text):
            return ArtifactsUnavailable(
                f"The bucket {self._bucket!r} is in another region. The operator corrects "
                "SYNTHCXR_S3_REGION; jobs wait until then."
            )
        return ArtifactsUnavailable(
            "The object store does not answer, or broke off. Requests can be sent again later; "
            "jobs wait until it is back."
        )
