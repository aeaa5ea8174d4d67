"""What a check found."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: Its name.
        status: Whether the service can work so.
        found: What is there.
        fix: What to do; "" where nothing is wrong.
    """

    check: str
    status: Status
    found: str
    fix: str = ""

    @property
    def failed(self) -> bool:
        """Whether the service cannot work so."""
        return self.status == "failed"
