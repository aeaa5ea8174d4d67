"""Settings that are well-formed and cannot work, and names that nobody reads."""

import os
from collections.abc import Iterator

from service.operations.checks.finding import Finding
from service.settings import NVIDIA_DRIVER, Settings

# read by the command line, not by Settings
_OTHER_VARIABLES = {
    "SYNTHCXR_URL",
    "SYNTHCXR_TOKEN",
    "SYNTHCXR_LOG_MAX_BYTES",
    "SYNTHCXR_LOG_NUM_OLDER",
}


def bad_setting(name: str, why: str) -> Finding:
    """Say what is wrong with a setting."""
    variable = f"SYNTHCXR_{name.upper()}"
    return Finding("settings", "failed", f"{variable}: {why}", "Correct or unset it.")


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Check what the environment sets."""
    known = {f"SYNTHCXR_{name.upper()}" for name in Settings.model_fields} | _OTHER_VARIABLES
    known |= {f"{name}_FILE" for name in known}
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith("SYNTHCXR_") and not name.startswith("SYNTHCXR_TEST_")
        if name not in known
    )
    for name in unknown:
        yield Finding("settings", "warning", f"{name} is not a setting", "Correct its name.")
    problems = [
        (
            settings.heartbeat_seconds * 3 > settings.lease_seconds,
            "heartbeat_seconds",
            "a worker must renew its lease several times before it runs out",
        ),
        (
            settings.scheduler_interval_seconds > settings.lease_seconds,
            "scheduler_interval_seconds",
            "lost jobs would wait longer than a lease",
        ),
        (
            settings.train_device == "cuda" and not NVIDIA_DRIVER.exists(),
            "train_device",
            "this machine has no NVIDIA driver (fine where the workers have another machine)",
        ),
    ]
    problems += [
        (not root.is_dir(), "dataset_roots", f"{root} is no folder")
        for root in settings.dataset_roots
    ]
    problems += [
        (not each.readable, "extractors", f"the file of {each.name} cannot be read")
        for each in settings.extractors
    ]
    wrong = [bad_setting(name, why) for holds, name, why in problems if holds]
    yield from wrong
    if not wrong and not unknown:
        yield Finding("settings", "ok", "they can work")
