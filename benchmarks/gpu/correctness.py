"""Does the device draw what a CPU draws, recorded or not, and does no update wait for it?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.gpu.stand_ins import accelerator_of
from models.accelerator import Accelerator
from models.config import Circumstances
from models.family import Family, ImageSpec
from models.memory_layout import laid_out
from models.precision import fastest_dtype
from models.presets import resolve_config
from models.registry import FAMILIES, sampler_class
from models.sampling import sample_pixels
from models.seeding import RandomState
from models.snapshot import new_model
from models.training.distributed import SingleProcess
from models.training.stage_state import StageState
from models.training_images import TrainingImages

NUM_CLASSES, SIZE, NUM_IMAGES = 3, 64, 48
MAX_LEVELS = 8  # of 256: bfloat16 and TF32 round otherwise than a CPU does


def check(device: torch.device) -> dict[str, Any]:
    """Check every family; returns what was found, each with `passed`."""
    found: dict[str, Any] = {}
    for family in FAMILIES:
        on_cpu, on_device = _tiny(family), laid_out(_tiny(family), device)
        accelerator = accelerator_of(device)
        plain = _drawn(on_device, family, None)
        for _ in range(2):  # the second time all batches are repeated
            recorded = _drawn(on_device, family, accelerator)
        known = list(accelerator.batches(on_device).items())
        was_recorded = [
            accelerator.sampling(on_device, sampler_class(family)(), size).is_recorded
            for _, size in known
        ]
        found[f"{family}: as on a CPU"] = _compared(_drawn(on_cpu, family, None), plain)
        found[f"{family}: as without a recording"] = _compared(plain, recorded)
        found[f"{family}: recorded"] = {"passed": all(was_recorded), "batches": dict(known)}
        found[f"{family}: no update waits"] = _no_update_waits(family, device)
    found["random numbers are restored"] = _random_numbers_are_restored(device)
    return found


def images_on(device: torch.device, size: int, num_images: int) -> TrainingImages:
    """Make images of no meaning: brighter below, with noise."""
    rng = np.random.default_rng(0)
    grey = np.linspace(30, 200, size)[:, None] + 20 * rng.standard_normal((num_images, 1, 1))
    pixels = grey + 5 * rng.standard_normal((num_images, size, size))
    labels = np.arange(num_images) % NUM_CLASSES
    return TrainingImages(pixels.clip(0, 255).astype(np.uint8), labels, device)


def _tiny(family: str) -> Family[Any, Any]:
    config = resolve_config(family, "tiny", {}, Circumstances(SIZE)).model_dump(mode="json")
    return new_model(family, config, ImageSpec(SIZE, NUM_CLASSES), seed=0).eval()


def _drawn(
    model: Family[Any, Any], family: str, accelerator: Accelerator | None
) -> NDArray[np.int64]:
    labels = [index % NUM_CLASSES for index in range(NUM_IMAGES)]
    sampler = sampler_class(family)()
    if accelerator:
        parts = sample_pixels(model, labels, range(NUM_IMAGES), sampler, accelerator)
        return np.concatenate(list(parts)).astype(np.int64)
    with _without_recordings():
        plain = np.concatenate(list(sample_pixels(model, labels, range(NUM_IMAGES), sampler)))
    return plain.astype(np.int64)


@contextmanager
def _without_recordings() -> Iterator[None]:
    of = Accelerator.of
    Accelerator.of = classmethod(lambda *_: None)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Accelerator.of = of  # type: ignore[method-assign]


def _compared(expected: NDArray[np.int64], drawn: NDArray[np.int64]) -> dict[str, Any]:
    levels = int(np.abs(expected - drawn).max())
    return {"passed": levels <= MAX_LEVELS, "levels_of_grey": levels}


def _no_update_waits(family: str, device: torch.device) -> dict[str, Any]:
    """Make updates, from the second on with every wait for the device an error."""
    images, model = images_on(device, SIZE, NUM_IMAGES), laid_out(_tiny(family), device)
    for index, stage in enumerate(model.stages()):
        for _ in stage.prepare(images):
            pass
        if not stage.phases:
            continue
        steps = StageState(stage, model.train(), SingleProcess())
        for update in range(3):
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("error" if update else "default")
            try:
                steps.walk(images, 0.3, fastest_dtype(device), (0, index, update))
                steps.average.update(update + 1)
            except RuntimeError as error:
                return {"passed": False, "stage": stage.name, "error": str(error)[:300]}
            finally:
                if device.type == "cuda":
                    torch.cuda.set_sync_debug_mode("default")
    return {"passed": True}


def _random_numbers_are_restored(device: torch.device) -> dict[str, Any]:
    state = RandomState(device)
    first = torch.randn(8, device=device)
    state.restore()
    return {"passed": torch.equal(first, torch.randn(8, device=device))}
