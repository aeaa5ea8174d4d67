from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.private_quality import main
from workers.train import public_images

TRIAL = ["--phantoms", "240", "--classifier-images", "256", "--per-class", "8", "--images", "64"]


FEW = ["private_updates=2", "private_batch_size=8", "private_draws=1"]


@pytest.mark.parametrize(("method", "config"), [("mixture", []), ("dp_sgd", ["--config", *FEW])])
def test_every_epsilon_is_judged_beside_no_noise(
    method: str,
    config: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(public_images, "NUM_IMAGES", 48)
    written = tmp_path / "figures.json"
    asked = ["--method", method, *config, "--epsilon", "1", "3", "--output", str(written)]
    main([*TRIAL, "--preset", "tiny", *asked])
    figures = json.loads(written.read_text(encoding="utf-8"))
    images = {row["images"] for row in figures["rows"]}
    assert images >= {f"{method}, {name}" for name in ("epsilon 1", "epsilon 3", "no noise")}
    about = figures["conditions"]
    assert about["delta"] == pytest.approx(1 / (10 * about["num_patients"]), rel=1e-5)
    assert f"| {method}, epsilon 1 " in capsys.readouterr().out
