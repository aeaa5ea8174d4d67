"""Models that stay loaded from one set to the next."""

import pytest
import torch

from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.snapshot import WEIGHTS, new_model, save_snapshot
from service.domain.job import JobKind
from workers.__main__ import GENERATIONS_PER_PROCESS, jobs_per_process
from workers.generate.model_cache import ModelCache

CPU = torch.device("cpu")
MANY_BYTES = 2**40


@pytest.fixture
def weights(tmp_path):
    """An untrained model on disk; several stand for several models by their checksums."""
    config = resolve_config("vae", "tiny", {}, Circumstances(64)).model_dump(mode="json")
    save_snapshot(tmp_path, "vae", ("a", "b"), new_model("vae", config, ImageSpec(64, 2), seed=0))
    return tmp_path / WEIGHTS


def test_a_model_is_loaded_once_and_ready_to_sample(weights):
    warm = ModelCache(2, MANY_BYTES)
    first = warm.snapshot(weights, "1", CPU)
    assert warm.snapshot(weights, "1", CPU) is first
    assert not first.model.training


def test_the_least_recently_used_makes_way(weights):
    warm = ModelCache(2, MANY_BYTES)
    one, two = (warm.snapshot(weights, name, CPU) for name in "12")
    warm.snapshot(weights, "1", CPU)
    warm.snapshot(weights, "3", CPU)
    assert len(warm) == 2
    assert warm.snapshot(weights, "1", CPU) is one
    assert warm.snapshot(weights, "2", CPU) is not two


def test_models_are_kept_up_to_their_bytes(weights):
    size = weights.stat().st_size
    warm = ModelCache(9, 2 * size)
    for name in "123":
        warm.snapshot(weights, name, CPU)
    assert len(warm) == 2


@pytest.mark.parametrize(("max_models", "max_bytes"), [(0, MANY_BYTES), (9, 10)])
def test_what_does_not_fit_is_drawn_from_and_not_kept(weights, max_models, max_bytes):
    warm = ModelCache(max_models, max_bytes)
    assert warm.snapshot(weights, "1", CPU) is not warm.snapshot(weights, "1", CPU)
    assert len(warm) == 0


def test_clearing_keeps_nothing(weights):
    warm = ModelCache(2, MANY_BYTES)
    kept = warm.snapshot(weights, "1", CPU)
    warm.clear()
    assert warm.snapshot(weights, "1", CPU) is not kept


def test_only_a_worker_that_only_generates_keeps_its_process():
    assert jobs_per_process("gpu.generate") == GENERATIONS_PER_PROCESS
    assert (
        jobs_per_process("gpu.generate,gpu.score,gpu.prepare,gpu.preview")
        == GENERATIONS_PER_PROCESS
    )
    assert jobs_per_process("gpu.train,cpu.ingest") == 1
    assert jobs_per_process(",".join(kind.queue for kind in JobKind)) == 1
