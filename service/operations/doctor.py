"""Checks what the service needs on this machine; each finding says how to mend it.

Nothing is written, and nothing need run. Where the service runs, it is asked too.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from pydantic import ValidationError

from service.domain.errors import SyntheticDataError
from service.operations.checks import machine, running, stored
from service.operations.checks.finding import Finding
from service.operations.checks.settings import bad_setting, check_settings
from service.settings import Settings

CHECKS: Sequence[Callable[[Settings], Iterator[Finding]]] = (
    check_settings,
    machine.check_python,
    machine.check_torch,
    machine.check_data_dir,
    machine.check_disk,
    stored.check_database,
    stored.check_object_store,
    stored.check_keys,
    stored.check_leftovers,
    running.check_service,
    running.check_broker,
)


def examine() -> list[Finding]:
    """Run all checks; one that itself fails is a finding too."""
    try:
        settings = Settings()
    except ValidationError as error:
        return [bad_setting(str(each["loc"][0]), each["msg"]) for each in error.errors()]
    except ValueError as error:
        return [Finding("settings", "failed", str(error), "Correct the file, or its name.")]
    found: list[Finding] = []
    for check in CHECKS:
        try:
            found += check(settings)
        except (OSError, SyntheticDataError) as error:
            name = check.__name__.removeprefix("check_").replace("_", " ")
            found.append(Finding(name, "failed", str(error), "Make it readable for this user."))
    return found


def as_lines(findings: list[Finding]) -> str:
    """Write one line for each finding, with the fix behind it."""
    lines = (
        f"{each.status:8}{each.check}: {each.found}" + (f"  -> {each.fix}" if each.fix else "")
        for each in findings
    )
    return "".join(f"{line}\n" for line in lines)


def as_json(findings: list[Finding]) -> str:
    """Write the findings for programs."""
    return json.dumps([asdict(each) for each in findings], indent=2) + "\n"
