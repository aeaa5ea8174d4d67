from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.evaluation.private_folder import CHECKOUT
from benchmarks.quality import main

TRIAL = ["--phantoms", "240", "--images", "16", "--classifier-images", "256"]


def test_a_kept_snapshot_is_judged_as_it_was_when_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept, first, again = tmp_path / "kept", tmp_path / "first.json", tmp_path / "again.json"
    training = ["--family", "vae", "--preset", "tiny", "--seconds", "1", "--keep", str(kept)]
    main([*TRIAL, *training, "--output", str(first)])
    main([*TRIAL, "--snapshots", str(kept), "--output", str(again)])
    trained, loaded = (json.loads(path.read_text(encoding="utf-8")) for path in (first, again))
    assert trained["rows"] == loaded["rows"]
    assert trained["costs"]["vae"]["images_seen"] > 0
    assert {row["label"] for row in trained["rows"]} > {"all", "effusion"}
    assert (kept / "vae" / "contact-sheet.png").exists()
    assert "| vae " in capsys.readouterr().out


def test_a_budget_in_images_is_kept_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    written = tmp_path / "rows.json"
    training = ["--family", "gan", "--preset", "tiny", "--images-to-see", "64"]
    changes = ["--config", 'objective="bce"', 'conditioning="auxiliary"']
    main([*TRIAL, *training, *changes, "--output", str(written)])
    found = json.loads(written.read_text(encoding="utf-8"))
    assert found["costs"]["gan"]["images_seen"] == 64
    assert found["costs"]["gan"]["processor_seconds"] > 0
    assert found["conditions"]["config"] == {"objective": "bce", "conditioning": "auxiliary"}


def test_a_folder_without_snapshots_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(SystemExit, match="holds no snapshot"):
        main([*TRIAL, "--snapshots", str(tmp_path), "--output", str(tmp_path / "x.json")])


def test_pictures_are_not_kept_where_git_would_take_them_in() -> None:
    with pytest.raises(ValueError, match="inside the checkout"):
        main([*TRIAL, "--keep", str(CHECKOUT / "benchmarks" / "results")])
