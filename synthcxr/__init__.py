"""The client of a SynthCXR service: its Python library and its command line."""

from synthcxr.client import AsyncClient, Client
from synthcxr.errors import (
    CannotStart,
    Conflict,
    DownloadMismatch,
    InvalidRequest,
    JobFailed,
    MissingPackage,
    NotFound,
    NotPermitted,
    ProblemError,
    RateLimited,
    ServerMissing,
    ServiceFailed,
    ServiceUnreachable,
    SetInconclusive,
    SetNotVerified,
    SetRefused,
    SynthCXRError,
    Unauthenticated,
    WaitTimedOut,
)
from synthcxr.verification import verify_set
from synthcxr.verified_set import VerifiedSet
from synthcxr.version import __version__

__all__ = [
    "AsyncClient",
    "CannotStart",
    "Client",
    "Conflict",
    "DownloadMismatch",
    "InvalidRequest",
    "JobFailed",
    "MissingPackage",
    "NotFound",
    "NotPermitted",
    "ProblemError",
    "RateLimited",
    "ServerMissing",
    "ServiceFailed",
    "ServiceUnreachable",
    "SetInconclusive",
    "SetNotVerified",
    "SetRefused",
    "SynthCXRError",
    "Unauthenticated",
    "VerifiedSet",
    "WaitTimedOut",
    "__version__",
    "verify_set",
]
