from __future__ import annotations

import json
from pathlib import Path

from benchmarks.fidelity_speed import main


def test_a_small_run_finds_every_way_to_agree(tmp_path: Path) -> None:
    output = tmp_path / "fidelity_speed.json"
    sizes = ["--features", "24", "--images", "60", "--images-side-by-side", "30"]
    main([*sizes, "--rounds", "2", "--output", str(output)])
    found = json.loads(output.read_text(encoding="utf-8"))
    assert list(found["frechet_distance"]) == ["48 images", "12 images"]
    for race in found["frechet_distance"].values():
        assert max(race["relative_difference"].values()) < 1e-5
    assert found["neighbourhoods"]["60 images"]["mebibytes"] > 0
