"""Does a training beside busy neighbours go as fast as with the best fixed number of threads?

    python -m benchmarks.neighbours                     or make bench-neighbours

The denoiser of our latent diffusion (standard preset, 64 px, phantoms) makes updates with each
fixed number of threads and with the measured one, in turn, a slice of time each, beside neighbours
that this program starts and ends: none, one busy process, one of nice 19, and one on each core.
Everything is done once with threads that wait asleep, as the service's workers do, and once with
threads that spin. Of a machine that does other work too, only the ratios of one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.evaluation.machine import conditions
from benchmarks.evaluation.real_images import load, phantoms
from benchmarks.evaluation.report import rounded
from models.config import Circumstances
from models.family import ImageSpec
from models.precision import fastest_dtype
from models.presets import resolve_config
from models.snapshot import new_model
from models.threads import Threads, numbers_to_try
from models.training.distributed import SingleProcess
from models.training.stage_state import StageState
from models.training_images import TrainingImages
from workers.runtime.device import num_cores
from workers.runtime.waiting import PASSIVE

RESULTS = Path(__file__).parent / "results" / "neighbours.json"
MEASURED = "measured"
WAITING: Mapping[str, Mapping[str, str]] = {"asleep": PASSIVE, "spinning": {}}
BUSY = (sys.executable, "-S", "-c", "while True: pass")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parser().parse_args(arguments)
    if options.child:
        print(json.dumps(_measure(options)))
        return
    found = {}
    for waiting, variables in WAITING.items():
        environment = {k: v for k, v in os.environ.items() if k not in PASSIVE}
        environment.pop("OMP_NUM_THREADS", None)
        child = [sys.executable, "-W", "ignore", "-m", "benchmarks.neighbours", "--child"]
        given = ["--seconds", str(options.seconds), "--rounds", str(options.rounds)]
        done = subprocess.run(
            [*child, *given], env={**environment, **variables}, stdout=subprocess.PIPE, check=True
        )
        found[waiting] = json.loads(done.stdout)
    content = {
        "conditions": {**conditions(), "load_average": os.getloadavg()},
        "seconds_of_a_slice": options.seconds,
        "rounds": options.rounds,
        "threads_that_wait": found,
    }
    options.output.write_text(json.dumps(rounded(content), indent=1) + "\n", encoding="utf-8")
    print(table(found))


def table(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Lay the outcome out in Markdown."""
    lines = [
        "| neighbours | threads wait | measured / best fixed | worst fixed / best | chosen |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for waiting, by_load in found.items():
        for name, row in by_load.items():
            ratios = f"{row['measured_to_best_fixed']:.2f} | {row['worst_fixed_to_best']:.2f}"
            lines.append(f"| {name} | {waiting} | {ratios} | {row['chosen_at_the_end']} |")
    return "\n".join(lines)


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    """Go through all neighbours in this process, whose threads wait as its environment says."""
    torch.set_num_threads(num_cores())
    updates, batch_size = _updates()
    numbers = numbers_to_try(num_cores())
    found = {}
    for name, commands in _neighbours().items():
        contestants = {f"{number} fixed": Threads([number]) for number in numbers}
        contestants[MEASURED] = Threads(numbers)
        for contestant in contestants.values():  # once each, so that kernels are made
            with contestant.piece():
                next(updates)
        contestants[MEASURED] = Threads(numbers)  # whose first trial counts
        with _busy(commands):
            time.sleep(1.0)
            rates = _rates(updates, batch_size, contestants, options.seconds, options.rounds)
        fixed = [rate for each, rate in rates.items() if each != MEASURED]
        found[name] = {
            "images_per_second": rates,
            "measured_to_best_fixed": rates[MEASURED] / max(fixed),
            "worst_fixed_to_best": min(fixed) / max(fixed),
            "chosen_at_the_end": contestants[MEASURED].chosen,
        }
    return found


def _neighbours() -> dict[str, list[Sequence[str]]]:
    return {
        "none": [],
        "one busy process": [BUSY],
        "one of nice 19": [("nice", "-n", "19", *BUSY)],
        "one on each core": [BUSY] * num_cores(),
    }


@contextmanager
def _busy(commands: Sequence[Sequence[str]]) -> Iterator[None]:
    """Keep processes running for the length of a block."""
    processes = [subprocess.Popen(command) for command in commands]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _rates(
    updates: Iterator[None],
    batch_size: int,
    contestants: Mapping[str, Threads],
    seconds: float,
    rounds: int,
) -> dict[str, float]:
    """Give images a second over all slices of each contestant, forwards and backwards in turn."""
    num_images, spent = dict.fromkeys(contestants, 0), dict.fromkeys(contestants, 0.0)
    for number in range(rounds):
        names = list(contestants)
        for name in reversed(names) if number % 2 else names:
            began = time.perf_counter()
            while (took := time.perf_counter() - began) < seconds:
                with contestants[name].piece():
                    next(updates)
                num_images[name] += batch_size
            spent[name] += took
    return {name: num_images[name] / spent[name] for name in contestants}


def _updates() -> tuple[Iterator[None], int]:
    """Make updates of the denoiser without end; returns them and the images in each."""
    images = load(phantoms(120), 64)
    some, device = images.training, torch.device("cpu")
    config = resolve_config("ldm", "standard", {}, Circumstances(64, len(some)))
    spec = ImageSpec(64, len(images.classes))
    model = new_model("ldm", config.model_dump(mode="json"), spec, seed=0)
    few = TrainingImages(some.pixels, some.labels, device)
    stage = model.stages()[1]
    for _ in stage.prepare(few):
        pass
    steps = StageState(stage, model.train(), SingleProcess())
    precision = fastest_dtype(device)

    def updates() -> Iterator[None]:
        number = 0
        while True:
            steps.walk(few, 0.5, precision, (0, 1, number))
            steps.average.update(number + 1)
            number += 1
            yield

    return updates(), stage.batch_size


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of a slice")
    parser.add_argument("--rounds", type=int, default=5, help="slices of each number of threads")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
