"""The samplers by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from models.diffusion.ancestral import ancestral
from models.diffusion.consistency import consistency
from models.diffusion.ddim import ddim
from models.diffusion.descent import Descent
from models.diffusion.dpm_solver import dpm_solver
from models.diffusion.euler import euler
from models.diffusion.exponential import exponential
from models.diffusion.heun import heun

# from noisy images at the first level of a descent to images at its last
SAMPLERS: dict[str, Callable[[Descent, Tensor], Tensor]] = {
    "euler": euler,
    "heun": heun,
    "dpm_solver": dpm_solver,
    "ddim": ddim,
    "exponential": exponential,
    "ancestral": ancestral,
    "fast": consistency,
}
