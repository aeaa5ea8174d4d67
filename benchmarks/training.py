"""How many latents a second do our denoiser and the peers' train on, at one size?

    make peers; make bench-training        or, in that environment, python -m benchmarks.training

Ours, MONAI's DiffusionModelUNet and diffusers' UNet2DModel see latents of one shape, in one loop
(forward, mean squared error, backward, fused AdamW), with as many parameters and as many
multiply-accumulates each (`benchmarks/peers/denoisers.py`), in float32 and in bfloat16 by autocast,
in turn. Ratios carry Student's interval over the rounds. On a GPU the share of the chip's bfloat16
peak is written too, if the chip is known.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.evaluation.interleaved import Task, rates
from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.ratios import paired_ratio
from benchmarks.evaluation.report import interval, rounded
from benchmarks.peers.denoisers import (
    Forward,
    Latents,
    diffusers_unet,
    measure,
    monai_unet,
    nearest_widths,
)
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.snapshot import new_model

RESULTS = Path(__file__).parent / "results" / "training.json"
OURS = "ours"
PEERS = {"monai": monai_unet, "diffusers": diffusers_unet}
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12}  # dense bfloat16 FLOP/s, by data sheet
NUM_CLASSES = 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads or torch.get_num_threads())
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    networks, latents, about = denoisers_of_one_size(options.image_size)
    tasks: dict[str, Task] = {}
    for precision, dtype in PRECISIONS.items():
        for name, (network, call) in networks.items():
            shape = (options.batch_size, latents.channels, latents.side, latents.side)
            tasks[f"{name}, {precision}"] = updates(
                network.to(device), call, shape, dtype, options.updates
            )
    measured = rates(tasks, options.rounds)
    content = {
        "conditions": {**conditions(), "device": _device_name(device), "batch": shape},
        "networks": about,
        "images_per_second": {
            name: geometric_mean(by_round) for name, by_round in measured.items()
        },
        "ratios": {
            f"{OURS} / {peer}, {precision}": asdict(
                paired_ratio(measured[f"{OURS}, {precision}"], measured[f"{peer}, {precision}"])
            )
            for precision in PRECISIONS
            for peer in PEERS
        },
        "share_of_bfloat16_peak": _peak_share(
            device, about[OURS]["macs"], measured[f"{OURS}, bfloat16"]
        ),
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(rounded(content), indent=1) + "\n", encoding="utf-8")
    print(table(about, measured))


def denoisers_of_one_size(
    image_size: int,
) -> tuple[dict[str, tuple[nn.Module, Forward]], Latents, dict[str, Any]]:
    """Build our denoiser and the peers' as large; returns them, what they denoise and their costs.

    Raises:
        ImportError: A peer is not installed.
    """
    ours, forward, latents = our_denoiser(image_size)
    size = measure(ours, forward, latents)
    networks: dict[str, tuple[nn.Module, Forward]] = {OURS: (ours, forward)}
    about: dict[str, Any] = {OURS: asdict(size)}
    for name, build in PEERS.items():
        widths = nearest_widths(build, latents, size)
        networks[name] = build(widths, latents)
        about[name] = {"widths": widths, **asdict(measure(*networks[name], latents))}
    return networks, latents, about


def our_denoiser(image_size: int) -> tuple[nn.Module, Forward, Latents]:
    """Build the denoiser of our latent diffusion's standard preset, and what it denoises."""
    given = Circumstances(image_size, 5_000, budget_seconds=600.0)
    config = resolve_config("ldm", "standard", {}, given)
    model: Any = new_model("ldm", config.model_dump(), ImageSpec(image_size, NUM_CLASSES), seed=0)
    settings: Any = model.config
    channels, side, _ = model.space.shape
    attends = tuple(
        side >> level <= settings.max_attention_size
        for level in range(len(settings.denoiser_channels))
    )
    latents = Latents(channels, side, NUM_CLASSES, attends)
    return model.denoiser, model.denoiser, latents


def table(about: dict[str, Any], measured: dict[str, list[float]]) -> str:
    """Lay the outcome out in Markdown."""
    lines = [
        "| denoiser | parameters | GMAC | float32/s | bfloat16/s | ours / it, float32 | bfloat16 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, cost in about.items():
        speeds = [geometric_mean(measured[f"{name}, {p}"]) for p in PRECISIONS]
        times = [
            interval(paired_ratio(measured[f"{OURS}, {p}"], measured[f"{name}, {p}"]), ".2f")
            for p in PRECISIONS
        ]
        cells = (
            name,
            f"{cost['num_parameters'] / 1e6:.2f} M",
            f"{cost['macs'] / 1e9:.3f}",
            *(f"{speed:.1f}" for speed in speeds),
            *(["-", "-"] if name == OURS else [f"{each} x" for each in times]),
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def updates(
    network: nn.Module,
    forward: Forward,
    shape: tuple[int, ...],
    dtype: torch.dtype,
    num_updates: int,
) -> Callable[[], int]:
    """Make a task of so many updates of a denoiser, of latents of a shape."""
    device = next(network.parameters()).device
    optimiser = torch.optim.AdamW(network.parameters(), 1e-4, fused=True)
    x, target = torch.randn(shape, device=device), torch.randn(shape, device=device)
    t = torch.rand(shape[0], device=device)
    labels = torch.arange(shape[0], device=device) % NUM_CLASSES

    def update() -> int:
        network.train()
        for _ in range(num_updates):
            with torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32):
                predicted = forward(x, t, labels)
            loss = F.mse_loss(predicted.float(), target)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        return num_updates * shape[0]

    return update


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name() if device.type == "cuda" else "cpu"


def _peak_share(device: torch.device, macs: int, images_per_second: list[float]) -> float | None:
    """Share of the peak: forward and twice as much backward, two operations a multiplication."""
    peak = peak_of(device)
    return 6 * macs * geometric_mean(images_per_second) / peak if peak else None


def peak_of(device: torch.device) -> float | None:
    """Look up a chip's dense bfloat16 FLOP/s; None where it is not known."""
    peaks = [peak for chip, peak in PEAKS.items() if chip in _device_name(device)]
    return peaks[0] if peaks else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--image-size", type=int, choices=(64, 128, 256), default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--updates", type=int, default=4, help="of each network in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--output", type=Path, default=RESULTS)
    return parser


if __name__ == "__main__":
    main()
