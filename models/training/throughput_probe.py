"""A short trial: how fast each stage of a training goes on this machine, right now."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import torch

from models.family import Family, Stage
from models.memory_layout import laid_out
from models.threads import Threads
from models.training.distributed import ProcessGroup
from models.training.inspection import losses_of_average
from models.training.plan import StageTiming
from models.training.stage_state import StageState, without_gradients
from models.training_images import TrainingImages

NUM_IMAGES = 256
GOLDEN_RATIO = 0.618034


def measure_throughput(
    model: Family[Any, Any],
    images: TrainingImages,
    precision: torch.dtype,
    *,
    seconds: float,
    max_updates: Callable[[Stage], int],
    process_group: ProcessGroup,
    threads: Threads,
) -> Generator[None, None, list[StageTiming]]:
    """Train a copy of the model for a moment in every stage, one after another.

    The copy sees a few images only, so it caches little; what is done to each image in `prepare`
    and `conclude` is taken to last as much longer as there are more images.

    Args:
        model: Left as it is. The first stage has been prepared.
        images: The training set.
        precision: The number format the losses are computed in.
        seconds: Time for the updates of a stage; slow ones take longer.
        max_updates: Most updates to time in a stage; three are needed in any case.
        process_group: The processes that train together; the leader's clock counts.
        threads: Chosen for each stage before it is timed.

    Yields:
        At least as often as the training would.
    """
    trained = laid_out(type(model)(model.config, model.spec), images.device)
    trained.load_state_dict(model.state_dict())
    few = images.few(NUM_IMAGES)
    more = len(images) / len(few)
    timings = []
    for index in range(len(trained.stages())):
        stage = trained.stages()[index]
        prepare_seconds = yield from _timed(stage.prepare(few), images.device)
        steps = StageState(stage, trained.train(), process_group)
        seconds_per_update = 0.0
        if stage.phases:
            updating = _updates(steps, few, precision, index, threads)
            yield from _chosen_threads(threads, updating, seconds, max_updates(stage))
            seconds_per_update = yield from _timed_updates(
                updating, images.device, seconds, max_updates(stage), process_group
            )
        trained.eval()
        inspecting = losses_of_average(steps, trained, few, precision, seed=0)
        inspect_seconds = yield from _timed(inspecting, images.device)
        concluding = without_gradients(stage.conclude(few))
        conclude_seconds = yield from _timed(concluding, images.device)
        if index == 0:
            prepare_seconds = 0.0
        conclude_seconds = conclude_seconds * more + inspect_seconds
        timings.append(
            StageTiming(
                seconds_per_update, prepare_seconds * more, conclude_seconds, threads.chosen
            )
        )
    return timings


def _updates(
    steps: StageState,
    images: TrainingImages,
    precision: torch.dtype,
    index: int,
    threads: Threads,
) -> Iterator[None]:
    """Make updates without end, at fractions spread over the stage: late terms cost time too."""
    update = 0
    while True:
        with threads.piece():
            steps.walk(images, update * GOLDEN_RATIO % 1, precision, moment=(0, index, update))
            steps.average.update(update + 1)
        update += 1
        yield


def _chosen_threads(
    threads: Threads, updates: Iterator[None], seconds: float, max_updates: int
) -> Iterator[None]:
    """Find how many threads the updates of a stage are fastest with, where it has many."""
    threads.begin(seconds / 4)
    for _ in range(max_updates // 4):
        if threads.settled:
            return
        next(updates)
        yield
    threads.settle()


def _timed(work: Iterator[object], device: torch.device) -> Generator[None, None, float]:
    """Carry out a preparation or a conclusion; returns how long it took."""
    began = time.monotonic()
    for _ in work:
        yield
    _finish(device)
    return time.monotonic() - began


def _timed_updates(
    updates: Iterator[None],
    device: torch.device,
    seconds: float,
    max_updates: int,
    process_group: ProcessGroup,
) -> Generator[None, None, float]:
    """Return the seconds of one update: first one that is slow, then two, four and so on.

    Only the last stretch counts. A device is waited for at the end of a stretch alone, as in the
    training itself.
    """
    num_updates, num_done, took = 1, 0, 0.0
    while True:
        began = time.monotonic()
        for _ in range(num_updates):
            next(updates)
            yield
        _finish(device)
        took = process_group.broadcast_value(time.monotonic() - began)
        num_done += num_updates
        longer = min(2 * num_updates, max_updates - num_done)
        if num_done >= 3 and (took >= seconds / 2 or longer < num_updates):
            return took / num_updates
        num_updates = max(2, longer)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
