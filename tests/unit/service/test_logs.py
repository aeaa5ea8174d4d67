"""What is logged of a failure: where it came from, never what it quotes."""

import json
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
    for line in map(json.loads, printed.splitlines()):
        assert "KeyError\nwhich led to\n" in line["exception"]
        assert line["exception"].endswith("OSError")
        assert "test_logs.py:" in line["exception"]
