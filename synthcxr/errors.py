"""What can go wrong between a user and the service.

SynthCXRError
    ServiceUnreachable   nobody answers at the URL
    ProblemError         the service refused, and says why (RFC 9457)
    JobFailed            a job ended without a result
    DownloadMismatch     the bytes that came are not the bytes that were promised
        SetNotVerified   a set is not what its manifest, sums and signature say
    NotSigned            a statement is not signed by the service
    ChainBroken          an audit log was changed
    CannotStart          the embedded service cannot start here
    FolderNotPackable    a folder cannot be packed to be uploaded
    BadProxy             a proxy that the environment names cannot be used
    IngestRefusedHere    a set would be refused, as `synthcxr datasets check` found
    MissingExtra         this command needs a package that the base install leaves out
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx


class SynthCXRError(Exception):
    """Root of everything this package raises on purpose."""


class ServiceUnreachable(SynthCXRError):
    """Nobody answers at the service's URL."""

    def __init__(self, base_url: str, reason: str) -> None:
        super().__init__(
            f"No service answers at {base_url} ({reason}). "
            "Start one with `synthcxr up`, or name another with --url or SYNTHCXR_URL."
        )
        self.base_url = base_url


class BadProxy(SynthCXRError):
    """The environment names a proxy that cannot be used."""

    def __init__(self, variables: Sequence[str], reason: str) -> None:
        super().__init__(
            f"The proxy that {' or '.join(variables)} names cannot be used ({reason}). "
            "Give one of http:// or https://, or unset it."
        )


class FolderNotPackable(SynthCXRError):
    """A folder cannot be packed into a ZIP that means the same."""


class IngestRefusedHere(SynthCXRError):
    """A set would be refused."""

    def __init__(self, code: str, detail: str, files: Sequence[str]) -> None:
        super().__init__("\n  ".join([f"{detail} [{code}]", *files]))


class BadToken(SynthCXRError):
    """What should be a token cannot be one."""

    def __init__(self) -> None:
        super().__init__(
            "SYNTHCXR_TOKEN, or SYNTHCXR_TOKEN_FILE's file, must hold one token alone."
        )


class ProblemError(SynthCXRError):
    """The service refused a request.

    Attributes:
        code: Stable name of the problem, such as `dataset_not_found`.
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
        return cls(
            str(body.get("code") or f"http_{response.status_code}"),
            " ".join(filter(None, (str(body.get("detail") or title), hint))),
            status=response.status_code,
            retryable=bool(body.get("retryable", response.status_code in {429, 503})),
            request_id=body.get("request_id") or response.headers.get("x-request-id"),
            fields=[field for field in fields if isinstance(field, Mapping)],
        )


class JobFailed(SynthCXRError):
    """A job ended as failed or cancelled, so it has no result."""

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
        self.code = code


class DownloadMismatch(SynthCXRError):
    """A download or a file inside a ZIP does not have the promised SHA-256."""


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


class SetNotVerified(DownloadMismatch):
    """A set is not what its manifest, its sums and its signature say.

    Attributes:
        problem: What is wrong.
    """

    def __init__(self, problem: SetProblem, path: Path, detail: str) -> None:
        super().__init__(f"{path}: {detail} [{problem}]")
        self.problem = problem


class NotSigned(SynthCXRError):
    """A receipt, or the end of an audit log, is not signed by the service."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"The signature does not hold: {detail}.")


class ChainBroken(SynthCXRError):
    """An audit log is not what was written."""

    def __init__(self, detail: str) -> None:
        super().__init__(f"The audit log was changed: {detail}.")


class CannotStart(SynthCXRError):
    """The embedded service cannot start here; the message names the fix."""


class MissingExtra(SynthCXRError):
    """A command needs a package that the base install leaves out."""

    def __init__(self, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the server's packages. Install them: pip install 'synthcxr[server]'"
        )
