"""Settings that are well-formed and cannot work, and names that nobody reads."""

from collections.abc import Iterator

from service.operations.checks.finding import Finding
from service.settings import NVIDIA_DRIVER, Settings
from service.settings.environment import correction, unknown_variables


def bad_setting(name: str, why: str) -> Finding:
    """Say what is wrong with a setting."""
    variable = f"SYNTHCXR_{name.upper()}"
    return Finding("settings", "failed", f"{variable}: {why}", "Correct or unset it.")


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Check what the environment sets."""
    unknown = unknown_variables()
    for name in unknown:
        yield Finding("settings", "failed", f"{name} is not a setting", correction(name))
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
