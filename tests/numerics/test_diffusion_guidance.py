"""Guidance of a denoiser."""

import pytest
import torch
from torch import Tensor

from models.diffusion.guidance import drop_labels, extrapolated, towards_class, within
from models.diffusion.paths import PATHS, Level

NO_CLASS = 3
float64 = torch.float64


def level(t: float, path: str = "straight") -> Level:
    return PATHS[path].level(torch.tensor(t, dtype=float64))


def strong(x: Tensor, level: Level) -> Tensor:
    return torch.tanh(x) * level.alpha


def weak(x: Tensor, level: Level) -> Tensor:
    return 0.5 * x


def both(x: Tensor, level: Level) -> Tensor:
    first, second = x.chunk(2)
    return torch.cat([strong(first, level), weak(second, level)])


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 1, 2, 2, dtype=float64)


def test_guidance_extrapolates_from_the_weak_through_the_strong(x: Tensor) -> None:
    at = level(0.5)
    torch.testing.assert_close(
        extrapolated(both, 2.5)(x, at), 2.5 * strong(x, at) - 1.5 * weak(x, at)
    )


def test_guidance_of_one_follows_the_strong(x: Tensor) -> None:
    torch.testing.assert_close(extrapolated(both, 1.0)(x, level(0.5)), strong(x, level(0.5)))


@pytest.mark.parametrize(("t", "chosen"), [(0.1, weak), (0.2, strong), (0.7, strong), (0.8, weak)])
def test_guidance_acts_inside_its_interval_alone(x: Tensor, t: float, chosen: object) -> None:
    assert callable(chosen)
    at = level(t)
    assert torch.equal(within(strong, weak, 0.2, 0.7)(x, at), chosen(x, at))


def test_interval_means_the_same_noise_on_every_path(x: Tensor) -> None:
    """sigma = 1 beside alpha = 1 is as much noise as the straight path has half way."""
    denoise = within(strong, weak, 0.4, 0.6)
    assert torch.equal(denoise(x, level(1.0, "edm")), strong(x, level(1.0, "edm")))
    assert torch.equal(denoise(x, level(0.5)), strong(x, level(0.5)))


@pytest.mark.parametrize("path", ["straight", "cosine", "edm"])
def test_classifier_turns_the_denoiser_of_all_into_that_of_one_class(x: Tensor, path: str) -> None:
    """Images of class 1 are N(0.5, s^2), all images N(0, s^2 + 1); Bayes' rule relates the two."""
    at, s2 = level(0.6, path), 0.04

    def of_normal(mean: float, variance: float) -> tuple[Tensor, Tensor]:
        """The denoiser of N(mean, variance), and the log-density of its noisy images."""
        noisy = at.alpha**2 * variance + at.sigma**2

        def log_density(x: Tensor) -> Tensor:
            return -((x - at.alpha * mean) ** 2).sum(dim=(1, 2, 3)) / (2 * noisy)

        return mean + at.alpha * variance / noisy * (x - at.alpha * mean), log_density

    of_class, log_class = of_normal(0.5, s2)
    of_all, log_all = of_normal(0.0, s2 + 1)

    def log_likelihood(noisy: Tensor, level: Level) -> Tensor:
        return log_class(noisy) - log_all(noisy)

    guided = towards_class(lambda x, level: of_all, log_likelihood, scale=1.0)
    with torch.inference_mode():
        torch.testing.assert_close(guided(x, at), of_class)


def test_labels_are_dropped_as_often_as_asked() -> None:
    torch.manual_seed(0)
    dropped = drop_labels(torch.zeros(100_000, dtype=torch.int64), 0.1, NO_CLASS)
    assert float((dropped == NO_CLASS).double().mean()) == pytest.approx(0.1, abs=0.005)
    assert float((dropped == 0).double().mean()) == pytest.approx(0.9, abs=0.005)
