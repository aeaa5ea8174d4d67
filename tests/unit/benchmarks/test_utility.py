from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.utility import main

TRIAL = ["--phantoms", "160", "--images", "6", "--classifier-images", "64", "--rare-images", "5"]
SEEDS = ["--transfer-seeds", "2", "--rebalancing-seeds", "2"]


def test_both_questions_are_answered_from_images_to_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, output = tmp_path / "kept", tmp_path / "utility.json"
    training = ["--family", "vae", "--preset", "tiny", "--seconds", "1", "--keep", str(kept)]
    main([*TRIAL, *SEEDS, *training, "--output", str(output)])
    found = json.loads(output.read_text(encoding="utf-8"))
    names = [row["trained_on"] for row in found["transfer"]["rows"]]
    assert names == ["real images", "vae"]
    rows = {row["trained_on"]: row for row in found["rebalancing"]["rows"]}
    gains = rows["synthetic images, vae"]["gains"]
    assert set(gains) == set(rows) - {"synthetic images, vae"}
    assert "| vae |" in capsys.readouterr().out

    [folder] = (path for path in kept.iterdir() if path.name != "all")
    again = tmp_path / "again.json"
    stored = ["--part", "rebalancing", "--rare-snapshots", str(folder)]
    main([*TRIAL, *SEEDS, *stored, "--output", str(again)])
    kept_rows = json.loads(again.read_text(encoding="utf-8"))["rebalancing"]["rows"]
    assert kept_rows == found["rebalancing"]["rows"]
