from __future__ import annotations

import json
from pathlib import Path

from benchmarks.evaluation.judge import Row
from benchmarks.evaluation.report import cost_table, table, write
from release.stats.estimate import Estimate
from release.stats.intervals import share

ROW = Row("vae", "Normal", 100, Estimate(0.5, 0.25, 1.0), share(90, 100), share(1, 100), 0.0)
COSTS = {"vae": {"training_seconds": 61.2, "images_seen": 1000, "sampling_images_per_second": 9.5}}


def test_the_table_is_aligned_and_carries_the_intervals() -> None:
    lines = table([ROW]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "0.500 [0.250, 1.000]" in lines[2]
    assert "90.0% [82.6%, 94.5%]" in lines[2]


def test_a_model_that_was_loaded_has_no_training_time() -> None:
    assert "| ldm | - | - | 5.0 |" in cost_table({"ldm": {"sampling_images_per_second": 5.0}})


def test_the_file_holds_conditions_costs_and_rows(tmp_path: Path) -> None:
    path = tmp_path / "results" / "quality.json"
    write(path, {"seed": 0}, [ROW], COSTS)
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["conditions"] == {"seed": 0}
    assert content["costs"] == COSTS
    assert content["rows"][0]["kid"] == {"value": 0.5, "low": 0.25, "high": 1.0}
