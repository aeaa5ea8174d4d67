"""How a command ended, as the number that scripts read: one for each way."""

from __future__ import annotations

from enum import IntEnum

from synthcxr.errors import (
    BadProxy,
    Conflict,
    IngestRefusedHere,
    InvalidRequest,
    NotFound,
    NotPermitted,
    ProblemError,
    ServiceUnreachable,
    SetInconclusive,
    SetRefused,
    SynthCXRError,
    Unauthenticated,
    WaitTimedOut,
)


class ExitCode(IntEnum):
    """The exit codes; docs/cli.md explains each."""

    OK = 0
    FAILED = 1  # a job failed, a file does not verify, the service is at fault or overloaded
    USAGE = 2  # the command is written wrongly; also where a file would be overwritten
    UNREACHABLE = 3  # no service answers, or a proxy says so
    INVALID = 4  # what was asked for is not there, or cannot be carried out as written
    NOT_PERMITTED = 5  # the service does not know who asks, or they may not do this
    REFUSED = 6  # the examination refused a set or was inconclusive
    TIMED_OUT = 7  # the time that was given is over; the job goes on
    INTERRUPTED = 130  # as shells count an end by Ctrl-C


EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no service answers, 4 not found or invalid, "
    "5 not permitted, 6 refused or inconclusive, 7 timed out, 130 interrupted."
)
# statuses that a proxy answers with where nobody is behind it
NOBODY_BEHIND = {502, 503, 504}
# refused as a set is, by what the examination found
REFUSALS = {"weights_not_cleared"}

_BY_KIND: tuple[tuple[type[SynthCXRError], ExitCode], ...] = (
    (ServiceUnreachable, ExitCode.UNREACHABLE),
    (BadProxy, ExitCode.UNREACHABLE),
    (SetRefused, ExitCode.REFUSED),
    (SetInconclusive, ExitCode.REFUSED),
    (Unauthenticated, ExitCode.NOT_PERMITTED),
    (NotPermitted, ExitCode.NOT_PERMITTED),
    (NotFound, ExitCode.INVALID),
    (InvalidRequest, ExitCode.INVALID),
    (Conflict, ExitCode.INVALID),
    (IngestRefusedHere, ExitCode.INVALID),
    (WaitTimedOut, ExitCode.TIMED_OUT),
)


def exit_code(error: SynthCXRError) -> int:
    """Return the exit code that an error ends in: its own `exit_code`, or that of its kind."""
    own = getattr(error, "exit_code", None)
    if own is not None:
        return int(own)
    if isinstance(error, ProblemError):
        if error.code in REFUSALS:
            return ExitCode.REFUSED
        if error.status in NOBODY_BEHIND:
            return ExitCode.UNREACHABLE
    return next((code for kind, code in _BY_KIND if isinstance(error, kind)), ExitCode.FAILED)
