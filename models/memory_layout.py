"""How images lie in a device's memory."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)

# A GPU's tensor cores read the channels of a pixel together; a CPU was measured to be faster with
# the rows of a channel together.
CHANNELS_LAST = {"cuda"}


def laid_out(module: ModuleT, device: torch.device | str) -> ModuleT:
    """Put a module on a device, its weights as the device reads them best."""
    device = torch.device(device)
    if device.type in CHANNELS_LAST:
        return module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
    return module.to(device)
