from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from prdc import compute_prdc

from release.fidelity import prdc as module
from release.fidelity.prdc import Neighbourhoods, neighbourhoods


def points(num: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.random.default_rng(seed).normal(size=(num, 4))


def test_fresh_points_of_the_same_kind_leave_a_known_share_uncovered() -> None:
    """Naeem et al. 2020, section 3.3: about 1 - 1/2^k is covered."""
    found = neighbourhoods(points(1500, 0), points(1500, 1), num_neighbours=5).coverage.mean()
    assert found == pytest.approx(1 - 1 / 2**5, abs=0.02)


def test_one_point_drawn_again_and_again_covers_little() -> None:
    assert neighbourhoods(points(500, 0), np.repeat(points(1, 1), 500, 0)).coverage.mean() < 0.1


def test_half_of_the_variety_covers_half() -> None:
    real = np.concatenate([points(400, 0), points(400, 1) + 50])
    assert neighbourhoods(real, points(800, 2)).coverage.mean() == pytest.approx(0.5, abs=0.02)


def test_points_elsewhere_cover_nothing() -> None:
    assert not neighbourhoods(points(100, 0), points(100, 1) + 50).coverage.any()


def by_hand(real: np.ndarray, synthetic: np.ndarray, k: int) -> tuple[float, float, float, float]:
    """The definitions, image by image."""

    def reach(image: np.ndarray, own: np.ndarray) -> float:
        return sorted(float(np.linalg.norm(image - other)) for other in own)[k]  # 0 is itself

    real_reach = [reach(image, real) for image in real]
    synthetic_reach = [reach(image, synthetic) for image in synthetic]
    apart = [[float(np.linalg.norm(r - s)) for s in synthetic] for r in real]
    inside = [
        [apart[i][j] < real_reach[i] for j in range(len(synthetic))] for i in range(len(real))
    ]
    precision = np.mean([any(row[j] for row in inside) for j in range(len(synthetic))])
    recall = np.mean([any(np.array(row) < synthetic_reach) for row in apart])
    density = np.sum(inside) / (k * len(synthetic))
    return float(precision), float(recall), float(density), float(np.mean(np.any(inside, 1)))


def measured(found: Neighbourhoods) -> tuple[float, float, float, float]:
    means = [each.mean() for each in (found.precision, found.recall, found.density, found.coverage)]
    return tuple(map(float, means))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_the_four_measures_are_what_their_definitions_say(k: int) -> None:
    real, synthetic = points(40, 0), 0.7 * points(30, 1) + 0.3
    found = measured(neighbourhoods(real, synthetic, k))
    assert found == pytest.approx(by_hand(real, synthetic, k))


def test_the_four_measures_are_those_of_the_reference_implementation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    real, synthetic = points(300, 0), 0.8 * points(250, 1) + 0.2
    expected = compute_prdc(real, synthetic, 5)
    found = measured(neighbourhoods(real, synthetic, 5))
    names = ("precision", "recall", "density", "coverage")
    assert found == pytest.approx([expected[name] for name in names], abs=1e-12)


def test_a_set_compared_with_itself_is_precise_and_complete() -> None:
    real = points(100, 0)
    precision, recall, density, covered = measured(neighbourhoods(real, real))
    assert (precision, recall, covered) == (1, 1, 1)
    assert density == pytest.approx(1, abs=0.01)


def test_the_size_of_the_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = points(50, 0), points(70, 1)
    at_once = measured(neighbourhoods(real, synthetic))
    monkeypatch.setattr(module, "ENTRIES_AT_ONCE", 150)
    assert measured(neighbourhoods(real, synthetic)) == at_once


def test_memory_does_not_grow_with_the_square_of_the_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ENTRIES_AT_ONCE", 10_000)
    real = points(2000, 0)
    tracemalloc.start()
    neighbourhoods(real, real)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000  # one matrix of distances alone would be 32 MB


def test_too_few_images_have_no_neighbourhood() -> None:
    with pytest.raises(ValueError, match="5 images have no 5 neighbours"):
        neighbourhoods(points(5, 0), points(20, 1))
