from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import image_membership
from benchmarks.evaluation.outside_attack import SetDensity
from benchmarks.evaluation.planted_leaks import LEAKS, one_gaussian

RNG = np.random.default_rng(0)
REAL = np.clip(128 + 12 * RNG.normal(size=(240, 64)) @ RNG.normal(size=(64, 64)) / 4, 0, 255)
REAL = REAL.astype(np.uint8).reshape(-1, 8, 8)


@pytest.mark.parametrize("name", LEAKS)
def test_planted_leaks_have_the_mean_of_the_images_they_are_fitted_to(name: str) -> None:
    drawn = LEAKS[name](REAL, 600, np.random.default_rng(0))
    assert drawn.shape == (600, 8, 8)
    assert np.abs(drawn.mean(0) - REAL.mean(0)).max() < 12


def test_the_outside_attack_finds_a_set_dense_where_its_images_are() -> None:
    near = one_gaussian(REAL[:120], 1000, np.random.default_rng(1), components=64)
    density = SetDensity(near)
    moved = np.roll(near[:200], 3, axis=2)
    assert density.log_density(near[:200]).mean() > density.log_density(moved).mean()


def test_every_set_is_attacked_and_written_down(tmp_path: Path) -> None:
    written, kept = tmp_path / "figures.json", tmp_path / "kept"
    kept.mkdir()
    np.savez(kept / "vae.npz", pixels=RNG.integers(0, 256, (60, 64, 64), np.uint8))
    leak = "clusters of 40, a covariance each"
    trial = ["--phantoms", "120", "--families", "vae", "--images", "60", "--keep", str(kept)]
    image_membership.main([*trial, "--leaks", leak, "--output", str(written)])
    rows = json.loads(written.read_text())["rows"]
    assert [row["set"] for row in rows[:2]] == ["vae", "fresh images, resampled"]
    assert len(rows) == 4
    assert all(0 <= row["outside"]["auc"]["value"] <= 1 for row in rows)
