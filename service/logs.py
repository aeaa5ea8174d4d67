"""Logs as JSON lines on standard error: identifiers and figures, never what a client typed."""

import logging
import re
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import structlog

# API keys, secrets of webhooks, JSON web tokens, and whatever else is sent as a bearer token
_SECRETS = re.compile(
    r"synthcxr_[0-9a-z]{20,}|whsec_[\w+/-]+=*"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=\bBearer )[\w.~+/-]+=*",
    re.IGNORECASE,
)


def configure_logs(level: str) -> None:
    """Set up logging for this process.

    Args:
        level: As Python's logging names it; an unknown one means INFO.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(), _without_secrets],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
    )


def configure_logs_once() -> None:
    """Set up logging where nobody has: by default structlog prints every frame's locals.

    They are patients' names and images. Each process says its level by `configure_logs`.
    """
    if not structlog.is_configured():
        configure_logs("INFO")


def _without_secrets(logger: Any, method: str, line: Any) -> str:
    """Take secrets out of a finished line: none should get there, and none may stay."""
    del logger, method
    return _SECRETS.sub("[secret]", str(line))


def _without_messages(
    logger: object, name: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Say of an exception what it is and where it came from, never its message.

    Libraries quote what they choke on: a file's name, a cell, a row of the database.
    """
    del logger, name
    error = entry.pop("exc_info", None)
    error = sys.exc_info()[1] if error is True else error
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        entry["exception"] = "\n".join(_lines(error))
    return entry


def _lines(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _lines(cause)
        yield "which led to"
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"{frame.filename}:{frame.lineno} in {frame.name}"
    yield type(error).__name__
