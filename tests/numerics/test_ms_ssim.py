from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate1d

from models.nn.image_losses import ms_ssim as ms_ssim_of_tensors
from release.fidelity.ms_ssim import similarity_within


def ms_ssim(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    pair = (torch.from_numpy(each)[:, None].double() for each in (x, y))
    return ms_ssim_of_tensors(*pair, value_range=255).numpy()


def random_image(seed: int, size: int = 64) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(0, 255, (size // 8, size // 8)).repeat(8, 0).repeat(8, 1)
    return (0.7 * coarse + 0.3 * rng.uniform(0, 255, (size, size))).astype(np.uint8)


def by_hand(x: np.ndarray, y: np.ndarray, exponents: list[float]) -> float:
    """Wang et al. 2003, equations 2 to 7, with scipy's filters."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(image: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(image, window, 0), window, 1)[5:-5, 5:-5]

    x, y = x.astype(float), y.astype(float)
    total, c_1, c_2 = 1.0, (0.01 * 255) ** 2, (0.03 * 255) ** 2
    for scale, exponent in enumerate(exponents):
        m_x, m_y = blurred(x), blurred(y)
        v_x, v_y = blurred(x * x) - m_x**2, blurred(y * y) - m_y**2
        contrast = (2 * (blurred(x * y) - m_x * m_y) + c_2) / (v_x + v_y + c_2)
        luminance = (2 * m_x * m_y + c_1) / (m_x**2 + m_y**2 + c_1)
        compared = contrast * luminance if scale == len(exponents) - 1 else contrast
        total *= max(0.0, float(compared.mean())) ** exponent
        x, y = (each.reshape(len(each) // 2, 2, -1, 2).mean((1, 3)) for each in (x, y))
    return total


def test_it_is_the_product_over_the_scales() -> None:
    x, near = random_image(0), (0.8 * random_image(0) + 0.2 * random_image(1)).astype(np.uint8)
    exponents = np.array([0.0448, 0.2856, 0.3001])
    expected = by_hand(x, near, (exponents / exponents.sum()).tolist())
    assert 0.5 < expected < 1
    assert ms_ssim(x[None], near[None])[0] == pytest.approx(expected, rel=1e-9)


def test_all_five_scales_are_used_where_they_fit() -> None:
    x, near = (
        random_image(0, 256),
        (0.8 * random_image(0, 256) + 0.2 * random_image(1, 256)).astype(np.uint8),
    )
    expected = by_hand(x, near, [0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
    assert ms_ssim(x[None], near[None])[0] == pytest.approx(
        expected, rel=1e-3
    )  # they add to 1.0001


def test_equal_images_are_alike_and_negatives_are_not() -> None:
    x = random_image(0)[None]
    assert ms_ssim(x, x)[0] == pytest.approx(1)
    assert ms_ssim(x, 255 - x)[0] == 0


def test_less_variety_is_more_similarity() -> None:
    varied = np.stack([random_image(seed) for seed in range(12)])
    poor = (0.5 * varied + 0.5 * varied[0]).astype(np.uint8)
    patients = np.arange(12)
    found = [
        similarity_within(images, patients, np.random.default_rng(0)).mean()
        for images in (varied, poor)
    ]
    assert found[1] > found[0] + 0.1


def test_images_of_one_patient_are_no_pair() -> None:
    twins = np.stack([random_image(0), random_image(0), random_image(1), random_image(1)])
    found = similarity_within(twins, np.array([0, 0, 1, 1]), np.random.default_rng(0))
    assert found == pytest.approx(ms_ssim(twins[:1], twins[2:3])[0])


def test_images_below_the_window_are_refused() -> None:
    tiny = np.zeros((1, 8, 8), np.uint8)
    with pytest.raises(ValueError, match="8 px"):
        ms_ssim(tiny, tiny)
