"""The machine's clock."""

from datetime import UTC, datetime

from typing_extensions import override

from service.domain.ports import Clock


class SystemClock(Clock):
    """The time of the operating system."""

    @override
    def now(self) -> datetime:
        return datetime.now(UTC)
