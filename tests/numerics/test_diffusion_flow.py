"""The path from image to noise."""

import pytest
import torch

from models.diffusion.flow import along_path, logit_normal_times, path_velocity, sampling_times

CPU = torch.device("cpu")


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    x = torch.randn(5, 2, 3, 3, dtype=torch.float64)
    return x, torch.randn_like(x)


def test_path_begins_at_the_image_and_ends_at_the_noise() -> None:
    x, n = pair()
    assert torch.equal(along_path(x, n, torch.zeros(5)), x)
    assert torch.equal(along_path(x, n, torch.ones(5)), n)


def test_velocity_is_the_derivative_of_the_path() -> None:
    x, n = pair()
    t, h = torch.rand(5, dtype=torch.float64), 1e-3
    derivative = (along_path(x, n, t + h) - along_path(x, n, t - h)) / (2 * h)
    torch.testing.assert_close(derivative, path_velocity(x, n))


def test_logits_of_training_times_are_normal() -> None:
    torch.manual_seed(0)
    logits = logit_normal_times(100_000, mean=0.5, std=1.5, device=CPU).double().logit()
    assert float(logits.mean()) == pytest.approx(0.5, abs=0.02)
    assert float(logits.std()) == pytest.approx(1.5, abs=0.02)


def test_sampling_times_fall_from_noise_to_image() -> None:
    times = sampling_times(10, CPU)
    assert len(times) == 11
    assert (times[0], times[-1]) == (1, 0)
    assert (times.diff() < 0).all()
