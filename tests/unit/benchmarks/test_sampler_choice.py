from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation.real_images import RealImages
from benchmarks.sampler_choice import main


def test_what_chooses_is_cut_off_from_the_training_side(images: RealImages) -> None:
    chosen_by = images.within_training(0.25)
    groups = [set(side.groups.tolist()) for side in (chosen_by.training, chosen_by.held_out)]
    assert groups[0] | groups[1] == set(images.training.groups.tolist())
    assert not groups[0] & groups[1]
    assert np.bincount(chosen_by.held_out.labels).tolist() == [25, 25]
    assert chosen_by.fingerprint != images.fingerprint


def test_each_choice_is_measured_on_one_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    small = ["--phantoms", "240", "--classifier-images", "256", "--per-class", "4"]
    model = ["--family", "vae", "--preset", "tiny", "--num-images", "64", "--keep", str(tmp_path)]
    output = tmp_path / "out.json"
    choices = ['{"grain": 0.0}', '{"grain": 1.0}']
    main([*small, *model, "--output", str(output), "--options", *choices])
    content = json.loads(output.read_text(encoding="utf-8"))
    assert [each["options"] for each in content["choices"]] == [{"grain": 0.0}, {"grain": 1.0}]
    assert {row["label"] for row in content["choices"][0]["rows"]} > {"all", "effusion"}
    assert content["choices"][0]["rows"] != content["choices"][1]["rows"]
    assert "| grain 1.0 " in capsys.readouterr().out
