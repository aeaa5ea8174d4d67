from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks import gan_stability


def test_every_seed_is_measured_and_collapses_are_counted(tmp_path: Path) -> None:
    written = tmp_path / "gan_stability.json"
    trial = ["--phantoms", "120", "--seeds", "2", "--seconds", "1", "--preset", "tiny"]
    quick = ["--classifier-images", "64", "--output", str(written)]
    gan_stability.main([*trial, *quick])
    figures = json.loads(written.read_text())
    assert [run["seed"] for run in figures["runs"]] == [0, 1]
    reached = [run["coverage"]["pixels"] for run in figures["runs"]]
    assert all(0 <= covered <= 1 for covered in reached)
    assert figures["collapses"] == sum(x < gan_stability.COLLAPSED_BELOW for x in reached)
    one_film = figures["conditions"]["one_film_coverage"]
    assert one_film["pixels"] < gan_stability.COLLAPSED_BELOW


def test_films_are_compared_by_the_means_of_their_blocks() -> None:
    pixels = np.zeros((1, 64, 64), np.uint8)
    pixels[0, :4, :8] = 200
    means = gan_stability.shrunk(pixels)
    assert means.shape == (1, 256)
    assert means[0, :3].tolist() == [200, 200, 0]
