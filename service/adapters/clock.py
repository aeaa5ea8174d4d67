"""The machine's clock."""

from datetime import UTC, datetime


class SystemClock:
    """The time as the operating system tells it."""

    def now(self) -> datetime:
        """Return the present moment, UTC and aware."""
        return datetime.now(UTC)
