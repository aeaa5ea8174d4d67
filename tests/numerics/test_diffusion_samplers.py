"""Samplers on Gaussian data, whose ideal velocity and whose paths are known."""

import math

import pytest
import torch
from torch import Tensor

from models.diffusion.flow import along_path, path_velocity
from models.diffusion.samplers import SAMPLERS

ORDERS = {"euler": 1, "heun": 2, "dpm_solver": 2}
MEAN, STD = 0.4, 0.3


def variance(t: Tensor) -> Tensor:
    """Variance of x_t = (1 - t) x + t n for x ~ N(MEAN, STD^2)."""
    return ((1 - t) * STD) ** 2 + t**2


def ideal_velocity(x_t: Tensor, t: Tensor) -> Tensor:
    """E[n - x | x_t], by regression of jointly normal variables."""
    covariance = t - (1 - t) * STD**2
    return -MEAN + covariance / variance(t) * (x_t - (1 - t) * MEAN)


def place(noise: Tensor, t: Tensor) -> Tensor:
    """Where the ideal path that ends at a noise is at time t."""
    return (1 - t) * MEAN + variance(t).sqrt() * noise


def error(sampler: str, num_steps: int, start: float = 1.0, end: float = 0.0) -> float:
    noise = torch.linspace(-2, 2, 9, dtype=torch.float64).view(-1, 1, 1, 1)
    times = torch.linspace(start, end, num_steps + 1, dtype=torch.float64)
    drawn = SAMPLERS[sampler](ideal_velocity, place(noise, times[0]), times)
    return float((drawn - place(noise, times[-1])).abs().max())


def test_every_sampler_has_its_order_tested() -> None:
    assert ORDERS.keys() == SAMPLERS.keys()


@pytest.mark.parametrize("sampler", ORDERS)
def test_sampler_converges_at_its_order(sampler: str) -> None:
    coarse, fine = (error(sampler, num_steps, start=0.95, end=0.05) for num_steps in (200, 400))
    assert math.log2(coarse / fine) == pytest.approx(ORDERS[sampler], abs=0.1)


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


@pytest.mark.parametrize("sampler", ORDERS)
@pytest.mark.parametrize("num_steps", [1, 2])
def test_few_steps_stay_finite(sampler: str, num_steps: int) -> None:
    assert math.isfinite(error(sampler, num_steps))
