"""The list of checks is the one source of what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.gate.checks import CHECKS, WEIGHTS_CHECK
from release.gate.checks_table import table, with_table

PAGE = Path(__file__).parents[4] / "docs" / "gate.md"


def test_the_page_of_the_gate_shows_the_checks_as_they_are() -> None:
    """Else run python -m release.gate.checks_table docs/gate.md."""
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        with_table("# The gate\n")


@pytest.mark.parametrize("check", [*CHECKS, WEIGHTS_CHECK], ids=lambda check: check.name)
def test_every_check_states_its_null_hypothesis_in_one_sentence(check) -> None:
    assert check.null.endswith(".")
    assert check.null.count(". ") == 0
    assert check.statistic
    assert check.decision


def test_no_cell_ends_a_column_too_early() -> None:
    assert {line.count(" | ") for line in table().splitlines()} == {4}
