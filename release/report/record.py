"""What goes with the record of a set and not with its images: when, where, for whom.

The package is the same bytes for the same request, so nothing of this is in it. Its pages have a
place for it, which is filled where the service keeps and hands out the page.

The standard library alone, since the API process imports it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

OPEN, CLOSE = "<!-- record -->", "<!-- end of record -->"
NOT_GIVEN = "not given"
IN_PACKAGE = (
    "This copy is part of the package, which is the same bytes for the same request. Date, "
    "hospital and recipient stand on the certificate that the service issues."
)
_PLACE = re.compile(f"{OPEN}.*?{CLOSE}".encode(), re.DOTALL)


@dataclass(frozen=True, slots=True)
class Record:
    """When and where a set was made, and for whom a page of it is issued.

    Attributes:
        made_at: When the set was examined and recorded.
        hospital: Who releases it, as the operator names it.
        dataset: Name of the real images; None where the operator does not show it.
        recipient: For whom a certificate is issued.
        issued_at: When it is issued; None for a page that is kept.
    """

    made_at: datetime
    hospital: str | None = None
    dataset: str | None = None
    recipient: str | None = None
    issued_at: datetime | None = None

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Return what is known, each with its name, as text that can be printed."""
        facts = [
            ("Hospital", self.hospital or NOT_GIVEN),
            ("Made and examined", _day(self.made_at)),
        ]
        if self.dataset:
            facts.append(("Dataset", self.dataset))
        if self.issued_at:
            facts += [
                ("Recipient", self.recipient or NOT_GIVEN),
                ("Certificate issued", _day(self.issued_at)),
            ]
        return [(name, _printable(text)) for name, text in facts]


def with_record(page: bytes, record: Record) -> bytes:
    """Fill a page's places for the record, as escaped HTML; a page without one stays as it is."""
    rows = (f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in record.facts)
    filled = "\n".join(('<dl class="facts">', *rows, "</dl>")).encode()
    return _PLACE.sub(lambda _: filled, page)


def _printable(text: str) -> str:
    """Replace what is no letter: control characters, and those that turn the text around."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
