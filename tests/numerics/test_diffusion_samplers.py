"""Samplers on Gaussian data, whose ideal velocity and whose paths are known."""

import math

import pytest
import torch
from torch import Tensor

from models.diffusion.flow import along_path, path_velocity, sampling_times
from models.diffusion.samplers import SAMPLERS

ORDERS = {"euler": 1, "heun": 2}
MEAN, STD = 0.4, 0.3


def variance(t: Tensor) -> Tensor:
    """Variance of x_t = (1 - t) x + t n for x ~ N(MEAN, STD^2)."""
    return ((1 - t) * STD) ** 2 + t**2


def ideal_velocity(x_t: Tensor, t: Tensor) -> Tensor:
    """E[n - x | x_t], by regression of jointly normal variables."""
    covariance = t - (1 - t) * STD**2
    return -MEAN + covariance / variance(t) * (x_t - (1 - t) * MEAN)


def error(sampler: str, num_steps: int) -> float:
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64).view(-1, 1, 1, 1)
    times = sampling_times(num_steps, noise.device).double()
    drawn = SAMPLERS[sampler](ideal_velocity, noise, times)
    return float((drawn - (MEAN + STD * noise)).abs().max())


def test_every_sampler_has_its_order_tested() -> None:
    assert ORDERS.keys() == SAMPLERS.keys()


@pytest.mark.parametrize("sampler", ORDERS)
def test_sampler_converges_at_its_order(sampler: str) -> None:
    orders = [math.log2(error(sampler, n) / error(sampler, 2 * n)) for n in (64, 128, 256)]
    assert orders[-1] == pytest.approx(ORDERS[sampler], abs=0.1)


@pytest.mark.parametrize("sampler", ORDERS)
def test_sampler_draws_the_data_from_its_ideal_velocity(sampler: str) -> None:
    assert error(sampler, 1000) < 2e-3


@pytest.mark.parametrize("t", [0.1, 0.5, 0.9])
def test_ideal_velocity_is_the_regression_of_the_training_target(t: float) -> None:
    torch.manual_seed(0)
    x = MEAN + STD * torch.randn(200_000, 1, 1, 1, dtype=torch.float64)
    n = torch.randn_like(x)
    x_t = along_path(x, n, torch.full((len(x),), t, dtype=torch.float64)).flatten()
    target = path_velocity(x, n).flatten()
    slope = torch.cov(torch.stack([x_t, target]))[0, 1] / x_t.var()
    fitted = target.mean() + slope * (x_t[:100] - x_t.mean())
    torch.testing.assert_close(
        fitted, ideal_velocity(x_t[:100], torch.tensor(t)), atol=0.02, rtol=0
    )
