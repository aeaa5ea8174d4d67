"""Samplers on Gaussian data, whose ideal denoiser and whose paths are known."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from models.diffusion.paths import PATHS, Level, along_path, noise_of
from models.diffusion.samplers import SAMPLERS, GaussianReference, SamplingTrajectory

ORDERS = {"euler": 1, "heun": 2, "dpm_solver": 2, "ddim": 1}
STOCHASTIC = {"ancestral", "fast"}
EXACT = {"exponential"}  # where all is normal; of order 1 elsewhere
INNER_TIMES = {"straight": (0.95, 0.05), "cosine": (0.95, 0.05), "edm": (20.0, 0.1)}
MEAN, STD = 0.4, 0.3
float64 = torch.float64


def variance(level: Level) -> Tensor:
    """Variance of x_t = alpha x + sigma n for x ~ N(MEAN, STD^2)."""
    return (level.alpha * STD) ** 2 + level.sigma**2


def ideal_denoiser(x_t: Tensor, level: Level) -> Tensor:
    """E[x | x_t], by regression of jointly normal variables."""
    return MEAN + level.alpha * STD**2 / variance(level) * (x_t - level.alpha * MEAN)


def place(noise: Tensor, level: Level) -> Tensor:
    """Where the ideal path through a noise is at a level."""
    return level.alpha * MEAN + variance(level).sqrt() * noise


def ideal_flow(x_t: Tensor, level: Level, next_level: Level) -> Tensor:
    return place((x_t - level.alpha * MEAN) / variance(level).sqrt(), next_level)


KNOWN = GaussianReference(ideal_denoiser, ideal_flow)


def no_noise() -> Tensor:
    raise AssertionError("a deterministic sampler draws no noise")


def error(sampler: str, levels: Sequence[Level]) -> float:
    noise = torch.linspace(-2, 2, 9, dtype=float64).view(-1, 1, 1, 1)
    trajectory = SamplingTrajectory(ideal_denoiser, levels, no_noise, KNOWN)
    drawn = SAMPLERS[sampler](trajectory, place(noise, levels[0]))
    return float((drawn - place(noise, levels[-1])).abs().max())


def inner_levels(path: str, num_steps: int) -> Sequence[Level]:
    """Evenly spaced, but for edm, where they are spaced as it spaces them."""
    start, end = INNER_TIMES[path]
    rho = 7 if path == "edm" else 1
    times = torch.linspace(start ** (1 / rho), end ** (1 / rho), num_steps + 1, dtype=float64)
    return [PATHS[path].level(t) for t in times**rho]


def test_every_sampler_is_tested() -> None:
    assert ORDERS.keys() | STOCHASTIC | EXACT == SAMPLERS.keys()


@pytest.mark.parametrize("path", INNER_TIMES)
@pytest.mark.parametrize("sampler", ORDERS)
def test_sampler_converges_at_its_order(sampler: str, path: str) -> None:
    coarse, fine = (error(sampler, inner_levels(path, num_steps)) for num_steps in (200, 400))
    assert math.log2(coarse / fine) == pytest.approx(ORDERS[sampler], abs=0.1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sampler", ORDERS)
def test_sampler_draws_the_data_from_its_ideal_denoiser(sampler: str, path: str) -> None:
    assert error(sampler, PATHS[path].levels(1000)) < 0.01


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("num_steps", [1, 2])
def test_few_steps_stay_finite(sampler: str, path: str, num_steps: int) -> None:
    noise = torch.linspace(-2, 2, 9, dtype=float64).view(-1, 1, 1, 1)
    levels = PATHS[path].levels(num_steps)
    trajectory = SamplingTrajectory(ideal_denoiser, levels, lambda: noise.flip(0), KNOWN)
    assert SAMPLERS[sampler](trajectory, place(noise, levels[0])).isfinite().all()


@pytest.mark.parametrize("path", PATHS)
def test_ancestral_draws_the_mean_and_the_variance_of_the_data(path: str) -> None:
    rng = torch.Generator().manual_seed(0)

    def fresh_noise() -> Tensor:
        return torch.randn(20_000, 1, 1, 1, dtype=float64, generator=rng)

    levels = PATHS[path].levels(1000)
    start = place(fresh_noise(), levels[0])
    drawn = SAMPLERS["ancestral"](SamplingTrajectory(ideal_denoiser, levels, fresh_noise), start)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(drawn.std()) == pytest.approx(STD, rel=0.03)


def curved_denoiser(x: Tensor, level: Level) -> Tensor:
    """A denoiser that no Gaussian has."""
    return torch.tanh(3 * x) / (1 + level.sigma)


def drawn_by(sampler: str, levels: Sequence[Level]) -> Tensor:
    noise = torch.linspace(-2, 2, 9, dtype=float64).view(-1, 1, 1, 1)
    trajectory = SamplingTrajectory(curved_denoiser, levels, no_noise, KNOWN)
    return SAMPLERS[sampler](trajectory, levels[0].sigma * noise)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("num_steps", [1, 7])
def test_exponential_integrator_is_exact_on_normal_data(path: str, num_steps: int) -> None:
    assert error("exponential", PATHS[path].levels(num_steps)) < 1e-9


@pytest.mark.parametrize("path", INNER_TIMES)
def test_exponential_integrator_converges_at_order_1_on_other_data(path: str) -> None:
    exact = drawn_by("heun", inner_levels(path, 4000))
    coarse, fine = (
        float((drawn_by("exponential", inner_levels(path, num_steps)) - exact).abs().max())
        for num_steps in (800, 1600)
    )
    assert math.log2(coarse / fine) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("path", ["straight", "edm"])
def test_ddim_is_eulers_method_where_sigma_over_alpha_or_the_path_is_straight(path: str) -> None:
    levels = PATHS[path].levels(12)
    torch.testing.assert_close(drawn_by("ddim", levels), drawn_by("euler", levels))


@pytest.mark.parametrize("path", ["linear", "cosine"])
def test_ddim_is_eulers_method_in_sigma_over_alpha(path: str) -> None:
    """On x / alpha, which has noise sigma / alpha as edm has."""
    levels = PATHS[path].levels(12)
    stretched = [PATHS["edm"].level(level.sigma / level.alpha) for level in levels]
    by_sigma = {float(to.t): level for to, level in zip(stretched, levels, strict=True)}

    def denoise(x: Tensor, level: Level) -> Tensor:
        original = by_sigma[float(level.t)]
        return curved_denoiser(original.alpha * x, original)

    noise = torch.linspace(-2, 2, 9, dtype=float64).view(-1, 1, 1, 1)
    eulers = SAMPLERS["euler"](
        SamplingTrajectory(denoise, stretched, no_noise), stretched[0].sigma * noise
    )
    torch.testing.assert_close(drawn_by("ddim", levels), eulers)


@pytest.mark.parametrize("path", PATHS)
def test_first_step_of_dpm_solver_is_that_of_ddim(path: str) -> None:
    levels = PATHS[path].levels(10)[:2]
    torch.testing.assert_close(drawn_by("dpm_solver", levels), drawn_by("ddim", levels))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("u", [0.1, 0.5, 0.9])
def test_ideal_denoiser_is_the_regression_of_the_image(path: str, u: float) -> None:
    torch.manual_seed(0)
    x = MEAN + STD * torch.randn(200_000, 1, 1, 1, dtype=float64)
    level = PATHS[path].level(PATHS[path].training_times(torch.tensor(u, dtype=float64)))
    x_t = along_path(x, torch.randn_like(x), level).flatten()
    slope = torch.cov(torch.stack([x_t, x.flatten()]))[0, 1] / x_t.var()
    fitted = x.mean() + slope * (x_t[:100] - x_t.mean())
    torch.testing.assert_close(fitted, ideal_denoiser(x_t[:100], level), atol=0.02, rtol=0)


def test_noise_is_what_the_image_leaves() -> None:
    torch.manual_seed(0)
    x, n = torch.randn(2, 5, 1, 2, 2, dtype=float64)
    level = PATHS["cosine"].level(torch.tensor(0.4, dtype=float64))
    torch.testing.assert_close(noise_of(along_path(x, n, level), x, level), n)
