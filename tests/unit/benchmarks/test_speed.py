"""The benchmarks of sampling and of training, as far as they go without the peers installed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import sampling, training
from benchmarks.peers.denoisers import measure
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.snapshot import new_model


def test_ours_draws_by_each_sampler_it_offers(capsys: pytest.CaptureFixture[str]) -> None:
    given = Circumstances(64, 100, budget_seconds=1.0)
    config = resolve_config("ldm", "tiny", {}, given)
    model = new_model("ldm", config.model_dump(), ImageSpec(64, 2), seed=0).eval()
    tasks = sampling.our_tasks(model, np.array([0, 1, 1]))
    assert {"ldm, default", "ldm, without guidance"} <= set(tasks)
    assert [draw() for draw in tasks.values()] == [3] * len(tasks)
    assert ("ldm, fast" in tasks) != ("fast: not offered" in capsys.readouterr().err)


def test_the_table_of_sampling_compares_ours_with_each_peer() -> None:
    measured = {"ldm, default": [10.0, 20.0], "diffusers": [1.0, 2.0]}
    lines = sampling.table(measured).splitlines()
    assert lines[2] == "| ldm, default | 14.14 | - |"
    assert lines[3] == "| diffusers | 1.41 | 10.0 [10.0, 10.0] x |"


def test_our_denoiser_is_measured_as_the_preset_builds_it() -> None:
    network, forward, latents = training.our_denoiser(64)
    size = measure(network, forward, latents)
    assert size.num_parameters == sum(parameter.numel() for parameter in network.parameters())
    assert size.macs > 50e6


def test_the_table_of_training_names_size_and_speed() -> None:
    about = {name: {"num_parameters": 7e6, "macs": 5e8} for name in ("ours", "monai")}
    measured = {
        f"{name}, {precision}": [speed, speed]
        for name, speed in (("ours", 30.0), ("monai", 20.0))
        for precision in training.PRECISIONS
    }
    lines = training.table(about, measured).splitlines()
    assert lines[2] == "| ours | 7.00 M | 0.500 | 30.0 | 30.0 | - | - |"
    times = "1.50 [1.50, 1.50] x"
    assert lines[3] == f"| monai | 7.00 M | 0.500 | 20.0 | 20.0 | {times} | {times} |"
