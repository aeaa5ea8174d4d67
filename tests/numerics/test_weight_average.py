"""The power-function average against its definition."""

import numpy as np
import pytest
import torch
from torch import nn

from models.training.ema import PowerAverage, power_exponent


@pytest.mark.parametrize("relative_std", [0.05, 0.1, 0.2, 0.28])
def test_profile_has_the_width_asked_for(relative_std):
    """The standard deviation of the density (gamma + 1) t^gamma on [0, 1], by quadrature."""
    gamma = power_exponent(relative_std)
    t = (np.arange(1_000_000) + 0.5) / 1_000_000
    density = (gamma + 1) * t**gamma
    mean = (density * t).mean()
    std = np.sqrt((density * (t - mean) ** 2).mean())
    assert std == pytest.approx(relative_std, rel=1e-4)


def test_average_weighs_update_t_by_its_power():
    """theta_hat(T) = sum over t of (t/T)^(gamma+1) - ((t-1)/T)^(gamma+1) times theta(t)."""
    module = nn.Linear(1, 1, bias=False)
    average = PowerAverage([module], relative_std=0.1)
    gamma = power_exponent(0.1)
    total = 200
    values = np.sin(np.arange(1, total + 1) / 9)
    for update, value in enumerate(values, start=1):
        with torch.no_grad():
            module.weight.fill_(float(value))
        average.update(update)
    t = np.arange(total + 1) / total
    expected = (np.diff(t ** (gamma + 1)) * values).sum()
    assert average.tensors[0].item() == pytest.approx(expected, abs=1e-5)


def test_first_update_forgets_the_initial_weights():
    module = nn.Linear(1, 1, bias=False)
    average = PowerAverage([module], relative_std=0.1)
    with torch.no_grad():
        module.weight.fill_(3.0)
    average.update(1)
    assert average.tensors[0].item() == 3.0
