"""What a device has that a CPU lacks: memory of its own, and work that is recorded and repeated."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Self
from weakref import WeakKeyDictionary

import torch
from torch import nn

from models.config import FamilySampler
from models.device_memory import CudaMemory, DeviceMemory
from models.family import Family
from models.graph_capture import Capture, CudaGraphs
from models.repeated_sampling import RepeatedSampling

Kept = MutableMapping[nn.Module, dict[Any, Any]]


@dataclass(frozen=True)
class Accelerator:
    """A device that draws images faster with help.

    Attributes:
        memory: The device's.
        capture: Records work for the device.
    """

    memory: DeviceMemory
    capture: Capture
    _batches: Kept = field(default_factory=WeakKeyDictionary)
    _samplings: Kept = field(default_factory=WeakKeyDictionary)

    @classmethod
    def of(cls, device: torch.device) -> Self | None:
        """Return what the device has; None for a CPU. One for a process and device."""
        if device.type != "cuda":
            return None
        if device not in _ACCELERATORS:
            _ACCELERATORS[device] = cls(CudaMemory(device), CudaGraphs())
        return _ACCELERATORS[device]  # type: ignore[return-value]

    def batches(self, model: nn.Module) -> dict[str, int]:
        """Sizes of batches that fit the memory, by sampler, as long as the model lives."""
        return self._batches.setdefault(model, {})

    def sampling(
        self, model: Family[Any, Any], sampler: FamilySampler, batch_size: int
    ) -> RepeatedSampling:
        """Return the recording of a model's batches, made now if there is none."""
        of_model = self._samplings.setdefault(model, {})
        key = sampler.model_dump_json(), batch_size
        if key not in of_model:
            of_model[key] = RepeatedSampling(model, sampler, self.capture)
        return of_model[key]  # type: ignore[no-any-return]

    def forget(self, model: nn.Module) -> None:
        """Drop the recordings of a model, whose memory is needed."""
        self._samplings.pop(model, None)


_ACCELERATORS: dict[torch.device, Accelerator] = {}
