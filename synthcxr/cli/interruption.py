"""What a person reads who ends a command by Ctrl-C: what goes on, and how to come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from synthcxr.cli.exit_codes import ExitCode
from synthcxr.errors import SynthCXRError

DOWNLOAD_KEPT = "What came of the download is kept: the same command takes it up there."


class Interrupted(SynthCXRError):
    """A person ended the command."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


def job_goes_on(job_id: str) -> str:
    """Say that a job goes on, and how to come back to it or end it."""
    return (
        f"Job {job_id} goes on: `synthcxr jobs wait {job_id}` follows it again, "
        f"`synthcxr jobs cancel {job_id}` ends it."
    )


@contextmanager
def interruptible(advice: str) -> Iterator[None]:
    """Say where Ctrl-C leaves things.

    Args:
        advice: What goes on, and how to come back to it.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(f"Interrupted. {advice}") from error
