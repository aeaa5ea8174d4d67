from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.warm_start import COLD, main
from models import bases
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.snapshot import new_model
from radiographs.phantom import FINDINGS
from workers.train.bases import save_base

TRIAL = ["--phantoms", "240", "--num-images", "80", "--classifier-images", "256"]


def test_cold_and_warm_starts_are_judged_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(bases, "FOLDER", tmp_path / "bases")
    config = resolve_config("vae", "tiny", {}, Circumstances(64)).model_dump(mode="json")
    model = new_model("vae", config, ImageSpec(64, 4), 0)
    save_base(model, "vae", FINDINGS, tmp_path / "bases")
    written = tmp_path / "figures.json"
    asked = ["--family", "vae", "--seconds", "1", "--preset", "tiny", "--per-class", "8"]
    main([*TRIAL, *asked, "--output", str(written)])
    figures = json.loads(written.read_text(encoding="utf-8"))
    assert [run["start"] for run in figures["runs"]] == [COLD, "base:vae-64"]
    assert figures["conditions"]["num_training_images"] == 80
    for run in figures["runs"]:
        assert run["kid"]["low"] <= run["kid"]["value"] <= run["kid"]["high"]
        assert 0 <= run["membership_auc"] <= 1
    assert "| vae | base:vae-64 | 1 | 0 |" in capsys.readouterr().out
