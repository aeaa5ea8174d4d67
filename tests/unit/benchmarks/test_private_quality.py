from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.private_quality import main
from workers import public_films

TRIAL = ["--phantoms", "240", "--classifier-images", "256", "--per-class", "8", "--images", "64"]


def test_every_epsilon_is_judged_beside_no_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(public_films, "NUM_FILMS", 48)
    written = tmp_path / "figures.json"
    main([*TRIAL, "--preset", "tiny", "--epsilon", "1", "3", "--output", str(written)])
    figures = json.loads(written.read_text(encoding="utf-8"))
    films = {row["films"] for row in figures["rows"]}
    assert films >= {"mixture, epsilon 1", "mixture, epsilon 3", "mixture, no noise"}
    about = figures["conditions"]
    assert about["delta"] == pytest.approx(1 / (10 * about["num_patients"]), rel=1e-5)
    assert "| mixture, epsilon 1 " in capsys.readouterr().out
