"""What every contestant of `benchmarks.time_to_quality` speaks: images in, images out.

Each is a module, run as a process of its own in the environment that it needs:

    python -m benchmarks.peers.NAME --images IMAGES.npz --store FOLDER --marks 600 1200

IMAGES.npz holds `pixels`, (n, size, size), uint8, `labels`, (n,), and `classes`, their names. When
the training has taken as many seconds as a mark says, the contestant draws images of each class;
that takes nothing from its budget. For every mark and every sampler FOLDER receives one file, named
by `output_path`, with the images and what they cost. What lies there already is not made again.

Seconds are those in which the processor worked for this process, divided by its threads, so that a
busy neighbour costs a contestant nothing; with a GPU they are seconds of the wall clock.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
Clock = Callable[[], float]


@dataclass(frozen=True)
class ContestImages:
    """The images to learn from.

    Attributes:
        pixels: (n, size, size), uint8; 0 is black.
        labels: (n,), from 0 to `num_classes` - 1.
        classes: What the labels are called, if that is known.
    """

    pixels: Pixels
    labels: Labels
    classes: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1

    @property
    def size(self) -> int:
        """Side of the square images, in pixels."""
        return int(self.pixels.shape[1])

    def tensor(self, device: torch.device, low: float) -> torch.Tensor:
        """Give all images as (n, 1, size, size) between `low` and 1."""
        scaled = torch.from_numpy(self.pixels).to(device).unsqueeze(1).float() / 255
        return scaled * (1 - low) + low


class Stopwatch:
    """Seconds spent between `start` and `stop`, all of them together."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = 0.0
        self._began: float | None = None

    @property
    def seconds(self) -> float:
        """What it shows now."""
        running = 0.0 if self._began is None else self._clock() - self._began
        return self._before + running

    def start(self) -> None:
        """Let it run."""
        self._began = self._clock()

    def stop(self) -> None:
        """Halt it; what it shows stays."""
        self._before, self._began = self.seconds, None


class Contestant(ABC):
    """One model, or one for each class, as its authors train it.

    Attributes:
        name: Names its files and its rows.
        samplers: The ways it draws images.
        on_request: Further ways, too slow to be taken unless they are asked for.
        continues: Whether it trains on from mark to mark. One whose schedules or stages are fitted
            to the budget trains anew for each.
        images_seen: Images seen in training, counted with repetition.
    """

    name: ClassVar[str]
    samplers: ClassVar[tuple[str, ...]]
    on_request: ClassVar[tuple[str, ...]] = ()
    continues: ClassVar[bool] = False

    def __init__(self, images: ContestImages, seed: int, device: torch.device) -> None:
        self.images = images
        self.seed = seed
        self.device = device
        self.images_seen = 0

    @property
    @abstractmethod
    def networks(self) -> Sequence[torch.nn.Module]:
        """What it takes to draw images."""

    @abstractmethod
    def train(self, stopwatch: Stopwatch, until: float) -> None:
        """Train until the stopwatch, which is running, shows `until` seconds."""

    @abstractmethod
    def sample(self, labels: Labels, sampler: str) -> Pixels:
        """Draw one image for each label, (n, size, size)."""

    def keep(self, folder: Path) -> None:  # noqa: B027  most leave their images alone
        """Leave the trained model in a folder, for who wants to draw more images."""


def shuffled(num_images: int, batch_size: int, rng: np.random.Generator) -> Iterator[NDArray[Any]]:
    """Yield the indices of one batch after another, every image once an epoch, without end.

    A last batch of a single image is left out, since batch normalisation cannot take it.
    """
    while True:
        order = rng.permutation(num_images)
        for start in range(0, num_images, batch_size):
            batch = order[start : start + batch_size]
            if len(batch) > 1 or num_images == 1:
                yield batch


def to_pixels(images: torch.Tensor, low: float) -> Pixels:
    """Round images (n, 1, size, size) between `low` and 1 to pixels."""
    levels = ((images.float() - low) / (1 - low) * 255).round().clamp(0, 255)
    pixels: Pixels = levels.to(torch.uint8).squeeze(1).cpu().numpy()
    return pixels


def in_parts(labels: Labels, size: int) -> Iterator[Labels]:
    """LabelledSet labels into batches to draw at once."""
    return (labels[start : start + size] for start in range(0, len(labels), size))


def output_path(store: Path, name: str, sampler: str, mark: float, seed: int) -> Path:
    """Name the file with the images that a contestant has drawn at a mark."""
    return store / f"{name}.{sampler}.{mark:g}s.seed{seed}.npz"


def compete(kind: type[Contestant], arguments: Sequence[str] | None = None) -> None:
    """Train and sample as the command line says."""
    options = _parser().parse_args(arguments)
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with np.load(options.images) as stored:
        images = ContestImages(
            stored["pixels"], stored["labels"], tuple(map(str, stored["classes"]))
        )
    labels = np.repeat(np.arange(images.num_classes), options.per_class)
    clock = _clock(device, options.threads)
    options.store.mkdir(parents=True, exist_ok=True)

    asked = options.samplers or kind.samplers
    if unknown := set(asked) - {*kind.samplers, *kind.on_request}:
        raise SystemExit(f"{kind.name} does not draw by {', '.join(sorted(unknown))}.")

    def missing(mark: float) -> list[tuple[str, Path]]:
        paths = [(s, output_path(options.store, kind.name, s, mark, options.seed)) for s in asked]
        return [(sampler, path) for sampler, path in paths if not path.exists()]

    contestant, stopwatch = None, Stopwatch(clock)
    for mark in sorted(mark for mark in options.marks if missing(mark)):
        if contestant is None or not kind.continues:
            torch.manual_seed(options.seed)
            contestant, stopwatch = kind(images, options.seed, device), Stopwatch(clock)
        stopwatch.start()
        contestant.train(stopwatch, mark)
        stopwatch.stop()
        _say(f"{kind.name}: {stopwatch.seconds:.1f} s, {contestant.images_seen} images seen")
        num_parameters = sum(p.numel() for net in contestant.networks for p in net.parameters())
        for sampler, path in missing(mark):
            began = clock()
            pixels = contestant.sample(labels, sampler)
            seconds = clock() - began
            _say(f"{kind.name}: {len(labels)} images by {sampler}, {seconds:.1f} s")
            _write(
                path,
                pixels=pixels,
                labels=labels,
                images_seen=contestant.images_seen,
                training_seconds=stopwatch.seconds,
                sampling_seconds=seconds,
                num_parameters=num_parameters,
            )
        contestant.keep(options.store / f"{kind.name}.{mark:g}s.seed{options.seed}")


def _clock(device: torch.device, threads: int) -> Clock:
    if device.type == "cpu":
        return lambda: time.process_time() / threads

    def wall() -> float:
        torch.cuda.synchronize()
        return time.monotonic()

    return wall


def _write(path: Path, **content: Any) -> None:
    written = path.with_suffix(f".{os.getpid()}.part")
    with written.open("wb") as file:
        np.savez_compressed(file, **content)
    written.replace(path)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True, metavar="NPZ")
    parser.add_argument("--store", type=Path, required=True, metavar="DIR")
    parser.add_argument("--marks", type=float, nargs="+", required=True, metavar="SECONDS")
    parser.add_argument("--per-class", type=int, default=100, help="images to draw of each class")
    parser.add_argument("--samplers", nargs="+", help="all that are not slow, unless given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--core", type=int, help="the only core to run on")
    return parser
