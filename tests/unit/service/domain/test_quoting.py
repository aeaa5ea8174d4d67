"""Whatever a message quotes, it is printable and short."""

import pytest

from service.domain.errors import FieldError, Problem
from service.domain.quoting import bounded, printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller", "Müller"),
        ("M\udcfc", "M\\udcfc"),
        ("a\n\x07", "a\\n\\x07"),
        ("\u202e", "\\u202e"),
    ],
)
def test_what_cannot_be_shown_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text", ["x" * 9_000_000, "肺" * 3000, "\udcfc" * 3000, "\U0001f600" * 999]
)
def test_a_detail_has_two_kilobytes_at_most(text: str) -> None:
    detail = Problem("internal_error", text).detail
    assert len(detail.encode()) <= 2048
    assert detail.endswith("…")


def test_a_short_detail_is_left_as_it_is() -> None:
    assert bounded("x" * 2048) == "x" * 2048


def test_a_problem_names_fifty_fields_at_most_each_of_them_short() -> None:
    fields = tuple(FieldError("/x\ud800" * 1000, "y\n" * 1000) for _ in range(1000))
    problem = Problem("invalid_request", "No.", fields=fields)
    assert len(problem.fields) == 50
    assert len(problem.fields[0].pointer.encode()) <= 512
    assert len(problem.fields[0].detail.encode()) <= 512
    problem.fields[0].pointer.encode()
