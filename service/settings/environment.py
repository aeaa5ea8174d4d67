"""Which variables there are, and one line for a process whose environment cannot be right.

A variable that nobody reads is an error: it is meant to change something, such as where private
images go, and does not.
"""

import difflib
import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from pydantic import ValidationError

from service.settings.settings import Settings

PREFIX = "SYNTHCXR_"
BAD_SETTINGS = 78  # EX_CONFIG of sysexits.h
# read by the client, the command line and `synthcxr up`
OF_THE_CLIENT = {
    *("SYNTHCXR_URL", "SYNTHCXR_TOKEN", "SYNTHCXR_TOKEN_FILE", "SYNTHCXR_CA_BUNDLE"),
    *("SYNTHCXR_PROFILE", "SYNTHCXR_CACHE_DIR"),
    *("SYNTHCXR_LOG_MAX_BYTES", "SYNTHCXR_LOG_NUM_OLDER"),
}
OF_OUR_PROCESSES = {"SYNTHCXR_TRAINING_LEADER"}  # set for the processes that share a training
OF_OUR_TESTS = ("SYNTHCXR_TEST_", "SYNTHCXR_FUZZ_")


def known_variables() -> set[str]:
    """Return every variable that somebody reads."""
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return settings | {f"{name}_FILE" for name in settings} | OF_THE_CLIENT | OF_OUR_PROCESSES


def unknown_variables(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variables of ours that nobody reads, by name."""
    ours = {name for name in environment if name.startswith(PREFIX)}
    ours = {name for name in ours if not name.startswith(OF_OUR_TESTS)}
    return sorted(ours - known_variables())


def correction(name: str) -> str:
    """Say how to mend the name of a variable that nobody reads."""
    known = [each.removeprefix(PREFIX) for each in known_variables()]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), known, n=1, cutoff=0.75)
    return (
        f"Write {PREFIX}{near[0]}, or unset it."
        if near
        else "Unset it; `synthcxr config` lists all."
    )


def settings_or_exit() -> Settings:
    """Read the settings, or end this process with one line on standard error and exit code 78."""
    unknown = unknown_variables()
    if unknown:
        _end("; ".join(f"{name} is not a setting: {correction(name)}" for name in unknown))
    try:
        return Settings()
    except ValidationError as error:
        _end("; ".join(f"{_named(each['loc'])}{_plain(each['msg'])}" for each in error.errors()))
    except ValueError as error:
        _end(str(error))


def _named(place: tuple[int | str, ...]) -> str:
    return f"{PREFIX}{str(place[0]).upper()}: " if place else ""


def _plain(message: str) -> str:
    return " ".join(message.removeprefix("Value error, ").split())


def _end(reason: str) -> NoReturn:
    sys.stderr.write(f"Error: {reason}\n")
    sys.exit(BAD_SETTINGS)
