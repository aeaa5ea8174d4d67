"""Several processes that train one model."""

import os
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing

from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import FAMILIES
from models.snapshot import new_model
from models.training.distributed import SingleProcess, join_process_group
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages

NUM_RANKS = 2
CPU = torch.device("cpu")

CLOSED_FORM = {"ppca"}  # families that make no updates: one report, at the end


def train(family, process_group, budget):
    """Losses in the order they came, and the weights at the end."""
    torch.set_num_threads(1)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 64, 64), np.uint8)
    images = TrainingImages(pixels, np.arange(24) % 3)
    config = resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json")
    # of another seed in each process: the leader's weights count
    model = new_model(family, config, ImageSpec(64, 3), seed=0 if process_group.is_leader else 9)
    progress = list(Training(model, images, budget, seed=3, process_group=process_group).run())
    curve = [{name: float(term) for name, term in each.losses.items()} for each in progress]
    weights = {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}
    return [losses for losses in curve if losses], weights


def _rank(rank, port, families, results):
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    timeout = timedelta(seconds=60)
    store = dist.TCPStore("127.0.0.1", port, NUM_RANKS, rank == 0, timeout)
    with join_process_group(store, rank, NUM_RANKS, CPU) as process_group:
        for family in families:
            made = train(family, process_group, Budget(images=96))
            if process_group.is_leader:
                results.put((family, *made))


@pytest.fixture(scope="module")
def of_two_processes():
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    port = dist.TCPStore("127.0.0.1", 0, 1, is_master=True).port
    ranks = [
        context.Process(target=_rank, args=(rank, port, list(FAMILIES), results), daemon=True)
        for rank in range(NUM_RANKS)
    ]
    for rank in ranks:
        rank.start()
    made = {}
    for _ in FAMILIES:
        family, curve, weights = results.get(timeout=120)
        made[family] = curve, weights
    for rank in ranks:
        rank.join()
    return made


@pytest.mark.parametrize("family", FAMILIES)
def test_two_processes_train_as_one_that_walks_both_shards(family, of_two_processes):
    curve, weights = train(family, SingleProcess(NUM_RANKS), Budget(images=96))
    curve_of_two, weights_of_two = of_two_processes[family]
    fewest = 1 if family in CLOSED_FORM else 5
    assert len(curve) == len(curve_of_two) >= fewest
    for losses, losses_of_two in zip(curve, curve_of_two, strict=True):
        assert losses_of_two == pytest.approx(losses, rel=1e-4, abs=1e-5)
    for name, tensor in weights.items():
        assert weights_of_two[name] == pytest.approx(tensor, rel=1e-3, abs=1e-4), name
