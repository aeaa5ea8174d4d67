"""Is everything right on this GPU, and how fast is it?

    make bench-gpu                  within eight minutes, on a machine with an NVIDIA GPU
    python -m benchmarks.gpu --dry-run        the same way on a CPU, tiny, within a minute

The parts: correctness of every family; training and drawing at 64, 128 and 256 px with the share of
the chip's bfloat16 peak; the peers, where they are installed (make peers); the service end to end,
and the memory of a killed worker. Each is written down when it is done, and none begins that would
end too late. Figures of a dry run say nothing about a GPU and are written nowhere by default.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.report import rounded
from benchmarks.gpu import correctness, service, speed

RESULTS = Path(__file__).parents[1] / "results" / "gpu.json"
NO_GPU = "This machine has no NVIDIA GPU that torch can use: try --dry-run, which needs none."
Part = Callable[[], dict[str, Any]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every part there is time for; exit status 1 where one found a fault."""
    options = _parser().parse_args(arguments)
    if not options.dry_run and not torch.cuda.is_available():
        sys.exit(NO_GPU)
    device = torch.device("cpu" if options.dry_run else "cuda")
    began = time.monotonic()
    content: dict[str, Any] = {"conditions": _conditions(device), "dry_run": options.dry_run}
    ended_well = True
    for name, (seconds, part) in _parts(device, dry_run=options.dry_run).items():
        left = 60 * options.minutes - (time.monotonic() - began)
        if left < seconds:
            content[name] = {"left_out": f"{left:.0f} of {seconds:.0f} seconds were left"}
        else:
            content[name], well = _outcome(part)
            ended_well &= well
        print(name, json.dumps(rounded(content[name])), flush=True)
        if options.output or not options.dry_run:
            text = json.dumps(rounded(content), indent=1) + "\n"
            (options.output or RESULTS).write_text(text, encoding="utf-8")
    print(f"{time.monotonic() - began:.0f} seconds in all")
    if not ended_well:
        sys.exit(1)


def _parts(device: torch.device, *, dry_run: bool) -> dict[str, tuple[float, Part]]:
    """List the parts, each with the seconds that it must have left."""
    sizes, preset = ((64,), "tiny") if dry_run else ((64, 128, 256), "standard")
    updates, rounds = (1, 2) if dry_run else (20, 4)
    parts: dict[str, tuple[float, Part]] = {
        "correctness": (0, lambda: correctness.check(device)),
        "service": (0 if dry_run else 120, lambda: service.check(device, preset, 64)),
    }
    for size in sizes:

        def of_size(size: int = size) -> dict[str, Any]:
            return speed.measure(device, size, preset, updates, rounds)

        parts[f"{size} px"] = 0 if dry_run else 45, of_size
    parts["peers, 64 px"] = (
        0 if dry_run else 60,
        lambda: speed.peers(device, 64, updates, rounds),
    )
    return parts


def _outcome(part: Part) -> tuple[dict[str, Any], bool]:
    """Carry out a part; a failure is written down, and the others go on."""
    began = time.monotonic()
    try:
        found = part()
    except Exception as error:  # whatever it is, the other parts say something too
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"[:500]}, False
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    checks = [each for each in found.values() if isinstance(each, dict)]
    passed = all(each.get("passed", True) for each in [found, *checks])
    return {**found, "seconds": time.monotonic() - began}, passed


def _conditions(device: torch.device) -> dict[str, Any]:
    about: dict[str, Any] = {**conditions(), "device": device.type}
    if device.type == "cuda":
        about["device"] = torch.cuda.get_device_name(device)
        about["cuda"] = torch.version.cuda
        # as the workers set it
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    return about


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, tiny")
    parser.add_argument("--minutes", type=float, default=8.0, help="to take at most")
    parser.add_argument("--output", type=Path, help=f"by default {RESULTS.name}, or none if dry")
    return parser


if __name__ == "__main__":
    main()
