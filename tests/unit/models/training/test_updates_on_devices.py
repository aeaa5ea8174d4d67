"""What an update of a training must not do on a GPU, seen on a CPU."""

from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from models import memory_layout
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import FAMILIES
from models.snapshot import new_model
from models.training.checkpoints import Checkpoints
from models.training.distributed import SingleProcess
from models.training.loop import Training
from models.training.plan import Budget
from models.training.stage_state import StageState
from models.training_images import TrainingImages

# what waits for a device: numbers that Python reads, and shapes that depend on values
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "unique", "_unique2", "equal", "item"}
TRAINED = [name for name in FAMILIES if name != "ppca"]  # which makes no updates


@pytest.fixture(scope="module")
def phantoms():
    rng = np.random.default_rng(0)
    grey = np.linspace(40, 200, 64)[:, None] + 20 * rng.standard_normal((24, 1, 1))
    pixels = (grey + 5 * rng.standard_normal((24, 64, 64))).clip(0, 255).astype(np.uint8)
    return TrainingImages(pixels, np.arange(24) % 2)


class Waits(TorchDispatchMode):
    """Counts what would wait for a device."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function._overloadpacket.__name__ in WAITING:
            self.found.append(function._overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def tiny(family):
    config = resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json")
    return new_model(family, config, ImageSpec(64, 2), seed=0)


@pytest.mark.parametrize("family", TRAINED)
def test_no_update_waits_for_the_device(family, phantoms, monkeypatch):
    monkeypatch.setattr(memory_layout, "CHANNELS_LAST", {"cpu"})
    model = memory_layout.laid_out(tiny(family), "cpu")
    for index, stage in enumerate(model.stages()):
        for _ in stage.prepare(phantoms):
            pass
        if not stage.phases:
            continue
        steps = StageState(stage, model.train(), SingleProcess())
        for update in range(2):
            with Waits() as waits:
                steps.walk(phantoms, 0.3, torch.float32, (0, index, update))
                steps.average.update(update + 1)
            assert waits.found == [] or update == 0, stage.name


def test_a_training_in_another_layout_of_memory_resumes_and_learns_the_same(
    phantoms, tmp_path, monkeypatch
):
    family = "vae"
    plain = trained(tiny(family), phantoms)
    monkeypatch.setattr(memory_layout, "CHANNELS_LAST", {"cpu"})
    left = memory_layout.laid_out(tiny(family), "cpu")
    killed = training(left, phantoms, checkpoints=Checkpoints(tmp_path))
    list(islice(killed.run(), 8))
    killed.save()
    resumed = memory_layout.laid_out(tiny(family), "cpu")
    losses = trained(resumed, phantoms, checkpoints=Checkpoints(tmp_path))
    assert losses == pytest.approx(plain, rel=0.05, abs=0.05)


def training(model, images, **options):
    return Training(model, images, Budget(images=64), seed=1, **options)


def trained(model, images, **options):
    losses = [each.losses for each in training(model, images, **options).run() if each.losses]
    return {name: float(value) for name, value in losses[-1].items()}


def test_moments_are_laid_out_as_their_weights(phantoms, monkeypatch):
    monkeypatch.setattr(memory_layout, "CHANNELS_LAST", {"cpu"})
    model = memory_layout.laid_out(tiny("ldm"), "cpu")
    stage = model.stages()[0]
    steps = StageState(stage, model.train(), SingleProcess())
    steps.walk(phantoms, 0.3, torch.float32, (0, 0, 0))
    stored = {name: tensor.contiguous() for name, tensor in steps.tensors().items()}
    again = StageState(stage, model, SingleProcess())
    again.load(stored)
    [optimiser] = again._optimisers
    for weight, moments in optimiser.state.items():
        assert moments["exp_avg"].stride() == weight.stride()
