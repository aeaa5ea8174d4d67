"""The samplers by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from models.diffusion.dpm_solver import dpm_solver
from models.diffusion.euler import euler
from models.diffusion.flow import Velocity
from models.diffusion.heun import heun

SAMPLERS: dict[str, Callable[[Velocity, Tensor, Tensor], Tensor]] = {
    "euler": euler,
    "heun": heun,
    "dpm_solver": dpm_solver,
}
