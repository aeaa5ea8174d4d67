"""The client of a SynthCXR service: its Python library and its command line."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
        WebhookNotVerified,
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
    "WebhookNotVerified",
    "__version__",
    "verify_set",
]

_PLACES = {
    "AsyncClient": "client",
    "Client": "client",
    "VerifiedSet": "verified_set",
    "__version__": "version",
    "verify_set": "verification",
}  # all others are errors


def __getattr__(name: str) -> object:
    """Import what is asked for when it is: the command line starts sooner for it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_PLACES.get(name, 'errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
