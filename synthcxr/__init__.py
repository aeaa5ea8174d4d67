from synthcxr.client import Client
from synthcxr.errors import (
    CannotStart,
    DownloadMismatch,
    JobFailed,
    MissingExtra,
    ProblemError,
    ServiceUnreachable,
    SetNotVerified,
    SynthCXRError,
)

__all__ = [
    "CannotStart",
    "Client",
    "DownloadMismatch",
    "JobFailed",
    "MissingExtra",
    "ProblemError",
    "ServiceUnreachable",
    "SetNotVerified",
    "SynthCXRError",
]
