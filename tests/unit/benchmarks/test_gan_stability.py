from __future__ import annotations

import json
from pathlib import Path

from benchmarks import gan_stability


def test_every_seed_is_measured_and_collapses_are_counted(tmp_path: Path) -> None:
    written = tmp_path / "gan_stability.json"
    trial = ["--phantoms", "120", "--seeds", "2", "--seconds", "1", "--preset", "tiny"]
    quick = ["--classifier-images", "64", "--output", str(written)]
    gan_stability.main([*trial, *quick])
    figures = json.loads(written.read_text())
    assert [run["seed"] for run in figures["runs"]] == [0, 1]
    assert all(0 <= run["coverage"] <= 1 for run in figures["runs"])
    low = [run for run in figures["runs"] if run["coverage"] < gan_stability.COLLAPSED_BELOW]
    assert figures["collapses"] == len(low)
    assert figures["conditions"]["one_film_coverage"] < gan_stability.COLLAPSED_BELOW
