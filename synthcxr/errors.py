"""What can go wrong between a user and the service; each error has a stable `code`.

SynthCXRError
    ServiceUnreachable   nobody answers at the URL
    BadProxy             a proxy cannot be used
    BadCertificates      the certificates to trust cannot be read
    BadToken             what should be a token cannot be one
    ProblemError         the service refused, and says why (RFC 9457)
        Unauthenticated  it does not know who asks (401)
        NotPermitted     who asks may not do this (403)
        NotFound         there is no such record (404)
        Conflict         right request, wrong moment (409)
            SetRefused, SetInconclusive   the set was not released
        InvalidRequest   it cannot be carried out as written (400, 413, 415, 422)
        RateLimited      a limit or quota is reached (429)
        ServiceFailed    the fault is the service's (500 and above)
    JobFailed            a job ended without a result
    WaitTimedOut         a job is not done yet
    DownloadMismatch     the bytes that came are not the bytes that were promised
        SetNotVerified   a set is not what its manifest, sums and signature say
    NotSigned            a statement is not signed by the service
    WebhookNotVerified   a message to a webhook is not one that the service sent just now
    ChainBroken          an audit log was changed
    CannotStart          the embedded service cannot start here
    FolderNotPackable    a folder cannot be packed to be uploaded
    IngestRefusedHere    a set would be refused, as `synthcxr datasets check` found
    ServerMissing        this needs the server's packages, which the client does not bring
    MissingPackage       this needs a package that the base install leaves out
    NoSuchProfile, ProfilesUnreadable   a profile is not there, or none can be read (`profiles.py`)
    InvalidSpec, PolicyUnmet, OutputIsAnothers   what `synthcxr fetch` ends in (`fetching/`)
    NotReleased, Interrupted            how a command ended (`cli/`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


class SynthCXRError(Exception):
    """Root of everything this package raises on purpose.

    Attributes:
        code: Stable name of what went wrong.
        request_id: What to quote when asking the service's operators, where it answered at all.
    """

    code: str = "client_error"
    request_id: str | None = None


class ServiceUnreachable(SynthCXRError):
    """Nobody answers at the service's URL."""

    code = "service_unreachable"

    def __init__(self, base_url: str, reason: str) -> None:
        super().__init__(
            f"No service answers at {_without_password(base_url)} ({reason}). "
            "Start one with `synthcxr up`, or name another with --url, SYNTHCXR_URL or "
            "`synthcxr login`."
        )
        self.base_url = base_url


def _without_password(url: str) -> str:
    """Hide who asks: messages go to logs, and to whoever runs an assistant's model."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    hidden = f"***@{authority.rpartition('@')[2]}" if "@" in authority else authority
    return f"{scheme}{separator}{hidden}{slash}{path}"


class BadProxy(SynthCXRError):
    """A proxy, of the environment or given, cannot be used."""

    code = "bad_proxy"

    def __init__(self, variables: Sequence[str], reason: str) -> None:
        super().__init__(
            f"The proxy that {' or '.join(variables)} names cannot be used ({reason}). "
            "Give one of http:// or https://, or unset it."
        )


class BadCertificates(SynthCXRError):
    """The certificates to trust cannot be read."""

    code = "bad_certificates"

    def __init__(self, place: Path, reason: str) -> None:
        super().__init__(
            f"The certificates in {place} cannot be used ({reason}). Name a PEM file, or a folder "
            "that `openssl rehash` prepared."
        )


class FolderNotPackable(SynthCXRError):
    """A folder cannot be packed into a ZIP that means the same."""

    code = "folder_not_packable"


class IngestRefusedHere(SynthCXRError):
    """A set would be refused."""

    code = "ingest_refused"

    def __init__(self, code: str, detail: str, files: Sequence[str]) -> None:
        super().__init__("\n  ".join([f"{detail} [{code}]", *files]))


class BadToken(SynthCXRError):
    """What should be a token cannot be one."""

    code = "bad_token"

    def __init__(self) -> None:
        super().__init__(
            "SYNTHCXR_TOKEN, or SYNTHCXR_TOKEN_FILE's file, must hold one token alone."
        )


class ProblemError(SynthCXRError):
    """The service refused a request.

    Attributes:
        code: Stable name of the problem, such as `dataset_not_found`; docs/errors.md explains each.
        detail: What happened and how to fix it, for a person.
        status: HTTP status code.
        retryable: Whether the same request may succeed later.
        request_id: What to quote when asking the service's operators.
        fields: What is wrong in the request's body, each with a JSON pointer.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int,
        retryable: bool = False,
        request_id: str | None = None,
        fields: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.code = code
        self.detail = detail
        self.status = status
        self.retryable = retryable
        self.request_id = request_id
        self.fields = tuple(fields)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        wrong_fields = "; ".join(
            f"{field.get('pointer', '?')}: {field.get('detail', '')}" for field in self.fields
        )
        parts = [f"{self.detail.rstrip('.')} [{self.code}]", wrong_fields]
        return ". ".join(part for part in parts if part)

    @classmethod
    def from_response(cls, response: httpx.Response, *, hint: str = "") -> ProblemError:
        """Read a problem from an error response, whoever wrote it.

        Args:
            response: An answer with status 400 or above, its body already read. A proxy's plain
                answer becomes the code `http_<status>`.
            hint: What the client knows besides.
        """
        try:
            body = response.json()
        except ValueError:
            body = {}
        if not isinstance(body, dict):
            body = {}
        title = str(body.get("title") or response.reason_phrase or "The service refused")
        fields = body.get("errors") or ()
        code = str(body.get("code") or f"http_{response.status_code}")
        return _kind_of(code, response.status_code)(
            code,
            " ".join(filter(None, (str(body.get("detail") or title), hint))),
            status=response.status_code,
            retryable=bool(body.get("retryable", response.status_code in {429, 503})),
            request_id=body.get("request_id") or response.headers.get("x-request-id"),
            fields=[field for field in fields if isinstance(field, Mapping)],
        )


class Unauthenticated(ProblemError):
    """The service does not know who asks (401)."""


class NotPermitted(ProblemError):
    """Who asks may not do this (403)."""


class NotFound(ProblemError):
    """There is no such record (404)."""


class Conflict(ProblemError):
    """Right request, wrong moment (409)."""


class SetRefused(Conflict):
    """The examination of a set found copies or membership: it is never released."""


class SetInconclusive(Conflict):
    """The examination of a set had too little power: it is not released."""


class InvalidRequest(ProblemError):
    """The request cannot be carried out as written (400, 413, 415, 422)."""


class RateLimited(ProblemError):
    """A limit or quota is reached (429)."""


class ServiceFailed(ProblemError):
    """The fault is the service's, or that of a proxy before it (500 and above)."""


_FAULT_OF_THE_SERVICE = 500
_BY_CODE = {"set_refused": SetRefused, "set_inconclusive": SetInconclusive}
_BY_STATUS = {
    **dict.fromkeys((400, 413, 415, 422), InvalidRequest),
    401: Unauthenticated,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def _kind_of(code: str, status: int) -> type[ProblemError]:
    by_status = ServiceFailed if status >= _FAULT_OF_THE_SERVICE else ProblemError
    return _BY_CODE.get(code) or _BY_STATUS.get(status, by_status)


class JobFailed(SynthCXRError):
    """A job ended as failed or cancelled, so it has no result.

    Attributes:
        job_id: The job.
        state: failed or cancelled.
        code: Why it failed, as docs/errors.md names it; `job_cancelled` where it was cancelled.
    """

    code = "job_failed"

    def __init__(
        self,
        job_id: str,
        state: str,
        code: str | None,
        detail: str | None,
        at_fault: Sequence[str] = (),
    ) -> None:
        reason = f": {detail.rstrip('.')} [{code}]" if detail else ""
        super().__init__("\n  ".join([f"Job {job_id} {state}{reason}", *at_fault]))
        self.job_id = job_id
        self.state = state
        self.code = code or f"job_{state}"


class WaitTimedOut(SynthCXRError):
    """A job is not done within the time that was given; it goes on."""

    code = "wait_timed_out"

    def __init__(self, job_id: str, seconds: float) -> None:
        super().__init__(f"Job {job_id} is not done after {seconds:g} s; it goes on.")
        self.job_id = job_id


class DownloadMismatch(SynthCXRError):
    """A download or a file inside a ZIP does not have the promised SHA-256."""

    code = "download_mismatch"


class SetProblem(StrEnum):
    """What is wrong with a set; the values are stable names."""

    UNREADABLE = "unreadable"  # no ZIP, or no manifest of this format
    MISSING_FILE = "missing_file"
    EXTRA_FILE = "extra_file"
    ALTERED_FILE = "altered_file"
    ALTERED_ARCHIVE = "altered_archive"  # something lies between the files
    LABELS_DIFFER = "labels_differ"
    SIGNATURE_INVALID = "signature_invalid"
    FOREIGN_SIGNATURE = "foreign_signature"  # of none of the keys that the user gave
    ANOTHER_SET = "another_set"  # whole and signed, and not what was asked for


class SetNotVerified(DownloadMismatch):
    """A set is not what its manifest, its sums and its signature say.

    Attributes:
        problem: What is wrong.
        detail: The same for a person, without the name of the file.
    """

    code = "set_not_verified"

    def __init__(self, problem: SetProblem, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail} [{problem}]")
        self.problem = problem
        self.detail = detail


class WebhookNotVerified(SynthCXRError):
    """A message to a webhook is not one that the service sent just now."""

    code = "webhook_not_verified"


class NotSigned(SynthCXRError):
    """A receipt, or the end of an audit log, is not signed by the service."""

    code = "not_signed"

    def __init__(self, detail: str) -> None:
        super().__init__(f"The signature does not hold: {detail}.")


class ChainBroken(SynthCXRError):
    """An audit log is not what was written."""

    code = "chain_broken"

    def __init__(self, detail: str) -> None:
        super().__init__(f"The audit log was changed: {detail}.")


class CannotStart(SynthCXRError):
    """The embedded service cannot start here; the message names the fix."""

    code = "cannot_start"


class ServerMissing(SynthCXRError):
    """This needs the server's packages, which the client does not bring."""

    code = "server_missing"

    def __init__(self, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the server, and this is the client alone. In a checkout of the "
            "project, run `make install` and use .venv/bin/synthcxr; or use the project's "
            "container image."
        )


class MissingPackage(SynthCXRError):
    """This needs a package that the base install leaves out."""

    code = "missing_package"

    def __init__(self, purpose: str, *packages: str) -> None:
        super().__init__(
            f"{purpose} needs {' and '.join(packages)}: pip install {' '.join(packages)}"
        )
