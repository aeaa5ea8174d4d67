"""What is measured is a real set."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import packaging
from synthcxr.verification import verify_set


@pytest.mark.parametrize("name", packaging.FORMATS)
def test_the_measured_set_verifies(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.setattr(packaging, "NUM_PHANTOMS", 5)
    packaging.draw_phantoms(tmp_path / "phantoms.npy")
    packaging.stage(tmp_path / "images.raw", tmp_path / "phantoms.npy", num_images=12)
    packaging.package(tmp_path, tmp_path / "images.raw", 12, name)
    assert verify_set(tmp_path / f"{name}.zip").num_images == 12
