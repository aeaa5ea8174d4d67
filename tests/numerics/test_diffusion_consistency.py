"""Consistency on Gaussian data, whose paths are known from end to end."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from models.diffusion.consistency import consistency_loss
from models.diffusion.paths import PATHS, Level
from models.diffusion.samplers import SamplingTrajectory, consistency

MEAN, STD = 0.4, 0.3
float64 = torch.float64
Denoise = Callable[[Tensor, Level], Tensor]


def variance(level: Level) -> Tensor:
    return (level.alpha * STD) ** 2 + level.sigma**2


def teacher(x_t: Tensor, level: Level) -> Tensor:
    """E[x | x_t]."""
    return MEAN + level.alpha * STD**2 / variance(level) * (x_t - level.alpha * MEAN)


def ideal_jump(x_t: Tensor, level: Level) -> Tensor:
    """Where the ideal path through x_t ends."""
    return MEAN + STD * (x_t - level.alpha * MEAN) / variance(level).sqrt()


def draws(level: Level) -> Tensor:
    torch.manual_seed(0)
    return level.alpha * MEAN + variance(level).sqrt() * torch.randn(64, 1, 2, 2, dtype=float64)


def loss_of(student: Denoise, num_steps: int, path: str) -> float:
    times = PATHS[path].sampling_times(num_steps)
    place = torch.arange(64) % num_steps
    level, next_level = (
        PATHS[path].level(times[each].view(-1, 1, 1, 1)) for each in (place, place + 1)
    )
    return float(consistency_loss(student, teacher, draws(level), level, next_level))


@pytest.mark.parametrize("path", PATHS)
def test_ideal_jump_is_consistent_along_the_teachers_path(path: str) -> None:
    def shorter(x: Tensor, level: Level) -> Tensor:
        return 0.9 * ideal_jump(x, level)

    def level_blind(x: Tensor, level: Level) -> Tensor:
        return MEAN + STD * (x - MEAN)

    ideal = loss_of(ideal_jump, 64, path)
    assert ideal < 0.1 * loss_of(level_blind, 64, path)
    assert ideal < loss_of(shorter, 64, path)


def test_loss_is_zero_where_the_student_is_the_teacher_and_the_data_a_point() -> None:
    def point(x: Tensor, level: Level) -> Tensor:
        return torch.full_like(x, MEAN)

    level, next_level = (
        PATHS["straight"].level(torch.full((4, 1, 1, 1), t, dtype=float64)) for t in (0.5, 0.4)
    )
    x = torch.randn(4, 1, 2, 2, dtype=float64)
    assert float(consistency_loss(point, point, x, level, next_level)) == pytest.approx(
        0, abs=1e-12
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("num_steps", [1, 2, 4])
def test_jumps_draw_the_data_in_any_number_of_steps(path: str, num_steps: int) -> None:
    rng = torch.Generator().manual_seed(0)

    def fresh_noise() -> Tensor:
        return torch.randn(20_000, 1, 1, 1, dtype=float64, generator=rng)

    levels = PATHS[path].levels(num_steps)
    start = levels[0].alpha * MEAN + variance(levels[0]).sqrt() * fresh_noise()
    drawn = consistency(SamplingTrajectory(ideal_jump, levels, fresh_noise), start)
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=0.01)
    assert float(drawn.std()) == pytest.approx(STD, rel=0.03)
