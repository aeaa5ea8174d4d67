"""What a GPU does differently when images are drawn, with stand-ins for the GPU."""

import gc
import weakref

import numpy as np
import pytest
import torch

from models import memory_layout
from models.accelerator import Accelerator
from models.config import Circumstances
from models.device_errors import is_device_lost, is_out_of_memory
from models.device_memory import SHARE, largest_batch
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import FAMILIES, sampler_class
from models.sampling import sample_pixels
from models.snapshot import new_model

LABELS, SEEDS = [0, 1, 2] * 9, range(27)  # more than three batches of eight


class Memory:
    """So many images fit."""

    def __init__(self, num_images=100):
        self.num_images = num_images

    def free_bytes(self):
        return round(self.num_images * 1000 / SHARE)

    def peak_bytes(self, work):
        work()
        return 8 * 1000


class Recorder:
    """Records as a graph does: what is repeated reads the same tensors, and writes into one."""

    def __init__(self, error=None, wrong=False):
        self.error, self.wrong, self.num_recorded, self.num_repeated = error, wrong, 0, 0

    def record(self, work):
        if self.error:
            raise self.error
        self.num_recorded += 1
        made = work().clone()

        def repeat():
            self.num_repeated += 1
            made.copy_(work() + 0.5 * self.wrong)
            return made

        return repeat


def tiny(family):
    config = resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json")
    return new_model(family, config, ImageSpec(64, 3), seed=0).eval()


def drawn(model, family, accelerator=None):
    parts = sample_pixels(model, LABELS, SEEDS, sampler_class(family)(), accelerator)
    return np.concatenate(list(parts))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recorded_sampling_draws_the_same_images(family):
    model, recorder = tiny(family), Recorder()
    accelerator = Accelerator(Memory(8), recorder)
    assert np.array_equal(drawn(model, family), drawn(model, family, accelerator))
    assert (recorder.num_recorded, recorder.num_repeated) == (1, 3)  # once to be compared
    drawn(model, family, accelerator)
    assert recorder.num_recorded == 1


@pytest.mark.parametrize(
    "recorder", [Recorder(RuntimeError("operation not permitted")), Recorder(wrong=True)]
)
def test_what_cannot_be_recorded_rightly_is_drawn_without(recorder, caplog):
    model = tiny("vae")
    accelerator = Accelerator(Memory(8), recorder)
    assert np.array_equal(drawn(model, "vae"), drawn(model, "vae", accelerator))
    assert "not recorded" in caplog.text


def test_recordings_go_with_their_model():
    model = tiny("vae")
    accelerator = Accelerator(Memory(8), Recorder())
    drawn(model, "vae", accelerator)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(("num_images", "size"), [(3, 8), (15, 8), (16, 16), (1000, 64)])
def test_memory_says_how_large_a_batch_is(num_images, size):
    assert largest_batch(lambda _: None, Memory(num_images), 8, 64) == size


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_half_a_batch_is_tried_once_when_memory_runs_out(monkeypatch, error):
    model = tiny("vae")
    expected, sample, sizes = drawn(model, "vae"), model.sample, []
    limit = 4

    def scarce(mixtures, *given):
        sizes.append(len(mixtures))
        if len(mixtures) > limit:
            raise error
        return sample(mixtures, *given)

    monkeypatch.setattr(model, "sample", scarce)
    assert np.abs(drawn(model, "vae").astype(int) - expected).max() <= 1
    assert sizes == [8, *[4] * 7]
    limit = 2
    sizes.clear()
    with pytest.raises(type(error)):
        drawn(model, "vae")
    assert sizes == [8, 4]


def test_another_error_is_not_tried_again(monkeypatch):
    model = tiny("vae")
    monkeypatch.setattr(model, "sample", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drawn(model, "vae")


@pytest.mark.parametrize("family", FAMILIES)
def test_images_do_not_depend_on_the_layout_of_memory(family, monkeypatch):
    plain, laid_out = tiny(family), tiny(family)
    monkeypatch.setattr(memory_layout, "CHANNELS_LAST", {"cpu"})
    memory_layout.laid_out(laid_out, "cpu")
    difference = drawn(plain, family).astype(int) - drawn(laid_out, family)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    ("error", "out_of_memory", "lost"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True, False),
        (RuntimeError("CUDA error: out of memory"), True, False),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), True, False),
        (RuntimeError("cuBLAS: CUBLAS_STATUS_ALLOC_FAILED"), True, False),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), False, True),
        (RuntimeError("CUDA error: device is lost or fell off the bus"), False, True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), False, True),
        (RuntimeError("No CUDA GPUs are available"), False, True),
        (RuntimeError("shapes cannot be multiplied"), False, False),
        (KeyError("x"), False, False),
    ],
)
def test_a_device_without_memory_is_not_a_lost_one(error, out_of_memory, lost):
    assert (is_out_of_memory(error), is_device_lost(error)) == (out_of_memory, lost)
