"""Drawing can be recorded for a GPU: seen on a CPU, with tensors that only pretend to be on one."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode, unset_fake_temporarily
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from models import precision
from models.config import Circumstances
from models.family import Family, ImageSpec
from models.graph_capture import CudaGraphs
from models.presets import resolve_config
from models.registry import sampler_class
from models.seeding import ImageNoise
from models.snapshot import new_model

# none may be recorded: Python waits for them, as does a copy between devices
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "equal"}
NUM = 2


class Recording(TorchDispatchMode):
    """Notes what a recording could not hold; what is on the CPU is computed there."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None):
        kwargs = kwargs or {}
        leaves = tree_leaves((args, kwargs))
        if not any(isinstance(each, FakeTensor) for each in leaves) and not _on_gpu(kwargs):
            with unset_fake_temporarily():
                return function(*args, **kwargs)
        name = function._overloadpacket.__name__
        made = function(*args, **kwargs) if name not in WAITING else False
        given = [each for each in leaves if isinstance(each, Tensor)]
        copied = name in ("_to_copy", "copy_") and given[-1].device != made.device
        if name in WAITING or copied:
            self.found[f"{name} in {_caller()}"] += 1
        return made


def _on_gpu(kwargs: dict[str, Any]) -> bool:
    return "cuda" in str(kwargs.get("device"))


def _caller() -> str:
    frame = sys._getframe(2)
    while "/models/" not in frame.f_code.co_filename or "site-packages" in frame.f_code.co_filename:
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rpartition('/models/')[2]}:{frame.f_lineno}"


class OnGpu(ImageNoise):
    def __init__(self) -> None:
        pass

    def __len__(self) -> int:
        return NUM

    def normal(self, *shape: int) -> Tensor:
        return torch.empty(NUM, *shape, device="cuda")


def pretend(model: nn.Module) -> None:
    """Put a model on a GPU that is not there."""
    for module in model.modules():
        for name, weight in module.named_parameters(recurse=False):
            there = torch.empty(weight.shape, dtype=weight.dtype, device="cuda")
            setattr(module, name, nn.Parameter(there, requires_grad=False))
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype, device="cuda"))


def tiny(family: str, config: dict[str, Any]) -> Family[Any, Any]:
    resolved = resolve_config(family, "tiny", config, Circumstances(64))
    return new_model(family, resolved.model_dump(mode="json"), ImageSpec(64, 2), seed=0).eval()


@pytest.mark.parametrize(
    ("family", "config", "sampler"),
    [
        ("ppca", {}, {}),
        ("vae", {}, {}),
        ("gan", {"num_noise_maps": 1}, {}),
        ("ldm", {}, {"num_steps": 2}),
        ("ldm", {"autoguidance": True}, {"num_steps": 2}),
        ("ldm", {}, {"num_steps": 2, "name": "heun", "guidance_to": 0.5}),
        ("ldm", {"fast_share": 0.1}, {"name": "fast", "num_steps": 2}),
    ],
)
def test_the_way_from_noise_to_images_holds_nothing_that_cannot_be_recorded(
    family: str, config: dict[str, Any], sampler: dict[str, Any]
) -> None:
    model, recording = tiny(family, config), Recording()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        pretend(model)
        mixtures = torch.empty(NUM, 2, device="cuda")
        with recording:
            model.sample(mixtures, OnGpu(), sampler_class(family)(**sampler))
    assert recording.found == {}


class Graph:
    def __init__(self, pool: object) -> None:
        self._pool = pool

    def pool(self) -> object:
        return self._pool


def test_graphs_share_the_memory_of_those_that_live_and_of_no_others() -> None:
    graphs = CudaGraphs()
    assert graphs.pool is None
    first, second = Graph("pool"), Graph("pool")
    graphs._living |= {first, second}
    del first
    assert graphs.pool == "pool"
    del second
    assert graphs.pool is None


def test_a_gpu_that_only_emulates_bfloat16_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """torch by default says of any GPU that it supports it."""
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )
    assert precision.fastest_dtype(torch.device("cuda")) == torch.float32
