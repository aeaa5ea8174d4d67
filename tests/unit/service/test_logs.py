"""What is logged of a failure: where it came from, never what it quotes."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from service.logs import configure_logs


@pytest.fixture
def log() -> Iterator[structlog.typing.FilteringBoundLogger]:
    """The service's log, on standard error as it is now."""
    kept = structlog.get_config()
    configure_logs("INFO")
    yield structlog.get_logger()
    structlog.configure(**kept)


def test_an_exception_is_logged_by_its_place_and_not_by_its_message(
    log: structlog.typing.FilteringBoundLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        try:
            raise KeyError("DOE^JANE")  # noqa: TRY301  as a library does
        except KeyError as error:
            raise OSError(2, "no such file", "DOE^JANE.png") from error
    except OSError as error:
        log.warning("job failed", exc_info=error)
        log.exception("again")
    printed = capsys.readouterr().err
    assert "DOE" not in printed
    lines = [json.loads(line) for line in printed.splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert "KeyError\nwhich led to\n" in line["exception"]
        assert line["exception"].endswith("FileNotFoundError")
        assert "test_logs.py:" in line["exception"]


def test_the_secret_of_a_webhook_is_taken_out_of_a_line(
    log: structlog.typing.FilteringBoundLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.warning("odd", value="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS/+w==", next="kept")
    line = json.loads(capsys.readouterr().err)
    assert (line["value"], line["next"]) == ("[secret]", "kept")


FAILURE = """
import {package}, structlog

def fail(name, pixels):
    raise KeyError(name)

try:
    fail("DOE^JANE", [17, 4711])
except KeyError as error:
    structlog.get_logger().error("job failed", exc_info=error)
"""


@pytest.mark.parametrize("package", ["workers", "workers.runtime.flag"])
def test_a_process_that_sets_up_no_logs_prints_no_locals(package: str) -> None:
    """As structlog does by default: a training's further processes and scripts are such."""
    script = FAILURE.format(package=package)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert json.loads(line)["exception"].endswith("KeyError")
    assert "DOE" not in line
    assert "4711" not in line
