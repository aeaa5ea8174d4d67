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
    reached = [run["coverage"]["components"] for run in figures["runs"]]
    assert all(0 <= covered <= 1 for covered in reached)
    assert figures["collapses"] == sum(x < gan_stability.COLLAPSED_BELOW for x in reached)
    one_image = figures["conditions"]["one_image_coverage"]
    assert one_image["components"] < gan_stability.COLLAPSED_BELOW


def test_the_components_of_known_images_have_unit_variance_and_see_no_more_than_they_vary() -> None:
    known = np.random.default_rng(0).integers(0, 256, (200, 16, 16), np.uint8)
    view = gan_stability.components_of(known)
    seen = view(known)
    assert seen.shape == (200, gan_stability.NUM_COMPONENTS)
    np.testing.assert_allclose(seen.T @ seen / 200, np.eye(gan_stability.NUM_COMPONENTS), atol=1e-9)
    mean = known.mean(0, keepdims=True)
    np.testing.assert_allclose(view(mean), 0, atol=1e-9)
