from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evaluation.private_folder import CHECKOUT, refuse_unignored


def test_folders_outside_the_checkout_are_private(tmp_path: Path) -> None:
    refuse_unignored(tmp_path)


@pytest.mark.parametrize("name", ["pictures", "docs/pictures", "benchmarks/results"])
def test_folders_that_git_would_take_in_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="inside the checkout"):
        refuse_unignored(CHECKOUT / name)


def test_ignored_folders_in_the_checkout_are_private() -> None:
    refuse_unignored(CHECKOUT / "out" / "pictures")
