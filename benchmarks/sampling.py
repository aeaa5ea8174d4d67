"""How many images a second do our latent diffusion and the peers draw?

    make peers; make bench-sampling        or, in that environment, python -m benchmarks.sampling

Ours at 64 px by its default sampler, with the guidance it comes with (two evaluations of the
denoiser at a guided step) and without any, and by "fast" in 4, 2 and 1 steps; diffusers'
UNet2DModel in pixel space with as many parameters by DDIM with 50 steps, with and without guidance,
and by DPM-Solver++ with 20; MONAI's tutorial networks by DDIM with 50 (the tutorial's own 1,000
steps take 20 times as long). All are conditioned on the class, draw the same number of images at
once, and are timed in turn; ratios carry Student's interval over the rounds. Ours and MONAI compute
in bfloat16 where the processor does; diffusers is timed in float32, as it comes, and in bfloat16.
Weights do not matter to speed; how good the images are is what `benchmarks.time_to_quality` says.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from benchmarks.evaluation.interleaved import Task, rates
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.ratios import paired_ratio
from benchmarks.evaluation.report import interval, rounded
from models.config import Circumstances, FamilySampler
from models.family import Family, ImageSpec
from models.presets import resolve_config
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.snapshot import load_snapshot, new_model

RESULTS = Path(__file__).parent / "results" / "sampling.json"
NUM_CLASSES = 3
SIZE = 64
OURS = "ldm"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads or torch.get_num_threads())
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = _model(options.snapshot, device)
    labels = np.arange(options.images) % model.spec.num_classes
    tasks = {
        **our_tasks(model, labels),
        **diffusers_tasks(labels, model.spec, device),
        **monai_tasks(labels, model.spec, device),
    }
    measured = rates(tasks, options.rounds)
    ours = [name for name in measured if name.startswith(OURS)]
    peers = [name for name in measured if name not in ours]
    content = {
        "conditions": {**conditions(), "images_at_once": options.images, "rounds": options.rounds},
        "denoiser_parameters": sum(p.numel() for p in _denoiser(model).parameters()),
        "images_per_second": {
            name: geometric_mean(by_round) for name, by_round in measured.items()
        },
        "ratios": {
            f"{mine} / {theirs}": asdict(paired_ratio(measured[mine], measured[theirs]))
            for mine in ours
            for theirs in peers
        },
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(rounded(content), indent=1) + "\n", encoding="utf-8")
    print(table(measured))


def our_tasks(model: Family[Any, Any], labels: np.ndarray[Any, Any]) -> dict[str, Task]:
    """Draw by our default sampler, by the same without guidance, and by "fast" in 4, 2, 1 steps."""

    def task(sampler: FamilySampler) -> Task:
        def draw() -> int:
            batches = sample_pixels(model, labels.tolist(), range(len(labels)), sampler)
            drawn = sum(len(batch) for batch in batches)
            if next(model.parameters()).device.type == "cuda":
                torch.cuda.synchronize()
            return drawn

        return draw

    sampler = sampler_class("ldm")
    ways: dict[str, dict[str, Any]] = {
        "default": {},
        "without guidance": {"guidance": 1.0},
        "fast": {"name": "fast"},
        "fast, 2 steps": {"name": "fast", "num_steps": 2},
        "fast, 1 step": {"name": "fast", "num_steps": 1},
    }
    tasks = {}
    for title, fields in ways.items():
        try:
            way = task(sampler.model_validate(fields))
            way()
        except (ValidationError, ValueError) as missing:
            print(f"{OURS}, {title}: not offered ({type(missing).__name__})", file=sys.stderr)
            continue
        tasks[f"{OURS}, {title}"] = way
    return tasks


def diffusers_tasks(
    labels: np.ndarray[Any, Any], spec: ImageSpec, device: torch.device
) -> dict[str, Task]:
    """Draw with diffusers; untrained weights take as long as trained ones."""
    from benchmarks.peers.diffusers_ddpm import denoise, new_unet

    unet = new_unet(spec.size, spec.num_classes + 1).to(device).eval()
    no_class = spec.num_classes

    def task(sampler: str, dtype: torch.dtype, no_class: int | None = None) -> Task:
        def draw() -> int:
            drawn = denoise(unet, labels, sampler, device, dtype, no_class=no_class)
            return len(drawn.cpu())

        return draw

    half = torch.bfloat16
    return {
        "diffusers, ddim-50, float32": task("ddim-50", torch.float32),
        "diffusers, ddim-50, bfloat16": task("ddim-50", half),
        "diffusers, ddim-50, guided, bfloat16": task("ddim-50", half, no_class),
        "diffusers, dpm++-20, bfloat16": task("dpm++-20", half),
    }


def monai_tasks(
    labels: np.ndarray[Any, Any], spec: ImageSpec, device: torch.device
) -> dict[str, Task]:
    """Draw with MONAI's tutorial networks."""
    from benchmarks.peers.contestant import ContestImages
    from benchmarks.peers.monai_ldm import MonaiLDM

    classes = np.arange(spec.num_classes)
    blank = ContestImages(np.zeros((spec.num_classes, spec.size, spec.size), np.uint8), classes)
    peer = MonaiLDM(blank, 0, device)
    return {"monai, ddim-50, bfloat16": lambda: len(peer.sample(labels, "ddim-50"))}


def table(measured: Mapping[str, Sequence[float]]) -> str:
    """Lay the outcome out in Markdown: ours against every peer."""
    ours = [name for name in measured if name.startswith(OURS)]
    lines = [
        "| images | images/s | " + " | ".join(f"{name} is faster [95 %]" for name in ours) + " |",
        "| --- | ---: |" + " ---: |" * len(ours),
    ]
    for name, by_round in measured.items():
        times = [
            "-" if name in ours else interval(paired_ratio(measured[mine], by_round), ".1f") + " x"
            for mine in ours
        ]
        cells = (name, f"{geometric_mean(by_round):.2f}", *times)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _model(snapshot: Path | None, device: torch.device) -> Family[Any, Any]:
    if snapshot:
        return load_snapshot(snapshot, device).model
    given = Circumstances(SIZE, 5_000, budget_seconds=600.0)
    config = resolve_config("ldm", "standard", {"fast_share": 0.1}, given)  # for "fast"
    model = new_model("ldm", config.model_dump(), ImageSpec(SIZE, NUM_CLASSES), seed=0)
    return model.to(device).eval()


def _denoiser(model: Family[Any, Any]) -> torch.nn.Module:
    denoiser: torch.nn.Module = model.denoiser  # type: ignore[assignment]
    return denoiser


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sampling", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--snapshot", type=Path, metavar="DIR", help="a trained ldm of ours")
    parser.add_argument("--images", type=int, default=8, help="drawn at once")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
