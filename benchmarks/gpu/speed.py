"""How fast the standard latent diffusion trains and draws on a device, and against its peak."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import geometric_mean
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.evaluation.interleaved import Task, rates
from benchmarks.evaluation.ratios import paired_ratio
from benchmarks.gpu.correctness import NUM_CLASSES, images_on
from benchmarks.gpu.stand_ins import accelerator_of, wait_for
from benchmarks.training import denoisers_of_one_size, peak_of, updates
from models.accelerator import Accelerator
from models.config import Circumstances
from models.device_errors import is_out_of_memory
from models.family import Family, ImageSpec
from models.precision import fastest_dtype
from models.presets import resolve_config
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.snapshot import new_model
from models.training.distributed import SingleProcess
from models.training.stage_state import StageState
from models.training_images import TrainingImages

NUM_IMAGES = 600
LAYOUTS = {
    "channels last": torch.channels_last,
    "channels first": torch.contiguous_format,
}
WAYS = "recorded", "launched one by one"


def measure(
    device: torch.device, size: int, preset: str, num_updates: int, rounds: int
) -> dict[str, Any]:
    """Measure one image size: both layouts in turn, and drawing with and without a recording.

    Args:
        device: Where.
        size: Side of the images, in pixels.
        preset: Of latent diffusion.
        num_updates: In one round.
        rounds: How often each.
    """
    images = images_on(device, size, NUM_IMAGES)
    models = {
        name: _model(size, preset, device).to(memory_format=layout)
        for name, layout in LAYOUTS.items()
    }
    found: dict[str, Any] = {}
    try:
        for index, stage in enumerate(next(iter(models.values())).stages()):
            if stage.phases:
                found[f"training {stage.name}"] = _training(
                    models, images, index, num_updates, rounds
                )
        found["drawing"] = _drawing(next(iter(models.values())), device, rounds)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        found["out_of_memory"] = str(error)[:200]
    return found


def _model(size: int, preset: str, device: torch.device) -> Family[Any, Any]:
    given = Circumstances(size, NUM_IMAGES, device="cuda")  # the preset of a GPU, on a CPU too
    config = resolve_config("ldm", preset, {}, given).model_dump(mode="json")
    return new_model("ldm", config, ImageSpec(size, NUM_CLASSES), seed=0).to(device)


def _training(
    models: dict[str, Family[Any, Any]],
    images: TrainingImages,
    index: int,
    num_updates: int,
    rounds: int,
) -> dict[str, Any]:
    tasks: dict[str, Task] = {}
    flops_per_image = 0.0
    for name, model in models.items():
        stage = model.stages()[index]
        for _ in stage.prepare(images):
            pass
        steps = StageState(stage, model.train(), SingleProcess())
        updates = _updates(steps, images, index)
        with FlopCounterMode(display=False) as counter:
            next(updates)
        flops_per_image = counter.get_total_flops() / stage.batch_size
        tasks[name] = _in_round(updates, num_updates, stage.batch_size, images.device)
    measured = rates(tasks, rounds)
    fastest = max(geometric_mean(each) for each in measured.values())
    peak = peak_of(images.device)
    return {
        **_rates(measured, *LAYOUTS),
        "gflop_per_image": flops_per_image / 1e9,
        "share_of_bfloat16_peak": flops_per_image * fastest / peak if peak else None,
    }


def _updates(steps: StageState, images: TrainingImages, index: int) -> Iterator[None]:
    number, precision = 0, fastest_dtype(images.device)
    while True:
        steps.walk(images, 0.5, precision, (0, index, number))
        steps.average.update(number + 1)
        number += 1
        yield


def _in_round(
    updates: Iterator[None], num_updates: int, batch_size: int, device: torch.device
) -> Callable[[], int]:
    def task() -> int:
        for _ in range(num_updates):
            next(updates)
        wait_for(device)
        return num_updates * batch_size

    return task


def _drawing(model: Family[Any, Any], device: torch.device, rounds: int) -> dict[str, Any]:
    """Draw full batches in turn, repeated from a recording and launched one by one."""
    model.eval()
    recording, plain = accelerator_of(device), _Plain(accelerator_of(device))
    sampler = sampler_class("ldm")()
    labels = [0, 1]
    list(sample_pixels(model, labels, range(2), sampler, recording))
    [size] = recording.batches(model).values()
    num_images = 3 * size

    def task(accelerator: Accelerator) -> Task:
        def draw() -> int:
            some = [index % NUM_CLASSES for index in range(num_images)]
            return sum(
                map(len, sample_pixels(model, some, range(num_images), sampler, accelerator))
            )

        return draw

    measured = rates(dict(zip(WAYS, (task(recording), task(plain)), strict=True)), rounds)
    return {**_rates(measured, *WAYS), "images_at_once": size}


class _Plain(Accelerator):
    """As another, but nothing is recorded."""

    def __init__(self, other: Accelerator) -> None:
        super().__init__(other.memory, other.capture)

    def sampling(self, model: Family[Any, Any], sampler: Any, batch_size: int) -> Any:  # noqa: ARG002
        return lambda mixtures, noise: model.sample(mixtures, noise, sampler)


def _rates(measured: dict[str, list[float]], ours: str, theirs: str) -> dict[str, Any]:
    return {
        "images_per_second": {name: geometric_mean(each) for name, each in measured.items()},
        f"{ours} / {theirs}": asdict(paired_ratio(measured[ours], measured[theirs])),
    }


def peers(device: torch.device, size: int, num_updates: int, rounds: int) -> dict[str, Any]:
    """Train our denoiser and, where they are installed, MONAI's and a compiled one of diffusers."""
    try:
        networks, latents, _ = denoisers_of_one_size(size)
    except ImportError as missing:
        return {"not_installed": str(missing)}
    shape = (64 if device.type == "cuda" else 4, latents.channels, latents.side, latents.side)
    half = torch.bfloat16
    tasks: dict[str, Task] = {}
    for name, (network, call) in networks.items():
        tasks[name] = updates(network.to(device), call, shape, half, num_updates)
        if name == "diffusers" and device.type == "cuda":
            compiled: Any = torch.compile(call)
            tasks["diffusers, compiled"] = updates(network, compiled, shape, half, num_updates)
    measured = rates(tasks, rounds)
    ours: Sequence[float] = measured["ours"]
    return {
        "images_per_second": {name: geometric_mean(each) for name, each in measured.items()},
        "ratios": {
            f"ours / {name}": asdict(paired_ratio(ours, each))
            for name, each in measured.items()
            if name != "ours"
        },
    }
