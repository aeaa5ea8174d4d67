"""Logs as JSON lines on standard error: identifiers and figures, never what a client typed."""

import logging
import re
import sys
from typing import Any

import structlog

# API keys, JSON web tokens, and whatever else is sent as a bearer token
_SECRETS = re.compile(
    r"synthcxr_[0-9a-z]{20,}|\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=\bBearer )[\w.~+/-]+=*", re.IGNORECASE
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
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(), _without_secrets],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )


def _without_secrets(logger: Any, method: str, line: Any) -> str:
    """Take secrets out of a finished line: none should get there, and none may stay."""
    del logger, method
    return _SECRETS.sub("[secret]", str(line))
