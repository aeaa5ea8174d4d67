"""The stage that enlarges images to twice their size."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from models.config import Circumstances
from models.diffusion.paths import PATHS, along_path
from models.families.ldm.config import Config
from models.families.ldm.linear_details import LinearDetails
from models.families.ldm.model import LatentDiffusion
from models.family import Batch, ImageSpec
from models.larger_images import LargerImages
from models.seeding import ImageNoise
from models.training_images import TrainingImages, as_images

NUM = 24


@pytest.fixture(scope="module")
def larger() -> NDArray[np.uint8]:
    """Images of 128 px: smooth shapes under a fine texture."""
    rng = np.random.default_rng(0)
    shapes = rng.integers(40, 160, (NUM, 8, 8), np.uint8).repeat(16, axis=1).repeat(16, axis=2)
    return shapes + rng.integers(0, 40, (NUM, 128, 128), np.uint8)


@pytest.fixture(scope="module")
def images(larger: NDArray[np.uint8]) -> TrainingImages:
    small = larger.reshape(NUM, 64, 2, 64, 2).mean((2, 4)).round().astype(np.uint8)
    rows = np.arange(NUM)
    return TrainingImages(small, rows % 2, larger=LargerImages(larger, rows, 128))


@pytest.fixture(scope="module")
def model(images: TrainingImages) -> LatentDiffusion:
    config = {**Config.preset("tiny", Circumstances(64)), "upscale_share": 0.25}
    torch.manual_seed(0)
    model = LatentDiffusion(Config(**config), ImageSpec(64, 2))
    task = model.upscaling_task
    assert task is not None
    list(task.prepare(images))
    optimiser = torch.optim.Adam(model.upscaler.parameters(), 1e-3)
    for _ in range(10):
        indices = torch.randint(NUM, (8,))
        batch = Batch(images.read(indices), images.labels[indices], indices, 0.5)
        optimiser.zero_grad()
        task.loss(batch)["loss"].backward()
        optimiser.step()
    return model.eval()


def test_the_stage_comes_last_and_the_shares_add_up(model: LatentDiffusion) -> None:
    assert model.stages()[-1].name == "upscaler"
    assert sum(stage.share for stage in model.stages()) == pytest.approx(1)


def test_every_weight_belongs_to_one_part_whose_score_is_of_larger_images(
    model: LatentDiffusion, larger: NDArray[np.uint8]
) -> None:
    parts = model.fitted_parts()
    for name in model.state_dict():
        assert sum(part.holds(name) for part in parts) == 1, name
    assert (parts[-1].size, parts[-1].score is not None) == (128, True)
    batch = as_images(larger[:9], "cpu")
    assert parts[-1].score is not None
    with torch.inference_mode():
        scores, backwards = (parts[-1].score(x, torch.zeros(9)) for x in (batch, batch.flip(0)))
    torch.testing.assert_close(scores, backwards.flip(0), rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_an_enlarged_image_shows_the_same_from_further_away(
    model: LatentDiffusion, images: TrainingImages
) -> None:
    small = images.read(torch.arange(8))
    large = model.upscale(small, ImageNoise(range(8)))
    assert large.shape == (8, 1, 128, 128)
    assert large.abs().max() <= 1
    difference = F.avg_pool2d(large, 16) - F.avg_pool2d(small, 8)
    assert difference.abs().max() < 0.05
    details = (each - F.interpolate(F.avg_pool2d(each, 4), scale_factor=4) for each in (large,))
    assert all(each.std() > 0.05 for each in details)  # as fine a texture as the images have


@torch.inference_mode()
def test_an_enlarged_image_is_the_same_in_any_batch(
    model: LatentDiffusion, images: TrainingImages
) -> None:
    small = images.read(torch.arange(8))
    first = model.upscale(small, ImageNoise(range(8)))
    other = model.upscale(small.flip(0), ImageNoise(range(7, -1, -1)))
    assert torch.equal(first[2], other[5])
    assert not torch.equal(first[2], model.upscale(small, ImageNoise(range(9, 17)))[2])


def test_without_larger_images_the_stage_says_what_it_lacks(
    model: LatentDiffusion, images: TrainingImages
) -> None:
    alone = TrainingImages(np.zeros((4, 64, 64), np.uint8), np.arange(4) % 2)
    with pytest.raises(ValueError, match="no images of 128 px"):
        list(model.stages()[-1].prepare(alone))


def test_the_linear_guess_is_the_mean_of_normal_details() -> None:
    """Of 40,000 draws, no other linear guess errs less: its error is orthogonal to what it sees."""
    torch.manual_seed(0)
    mixing = torch.randn(3, 3, dtype=torch.float64)
    both = (mixing @ torch.randn(3, 40_000, dtype=torch.float64)).float()
    linear = LinearDetails(2, 1)
    linear.covariance.copy_(both @ both.T / both.shape[1])
    x, small = both[:2].view(1, 2, 200, 200), both[2:].view(1, 1, 200, 200)
    level, noise = PATHS["straight"].level(torch.tensor(0.4)), torch.tensor([0.3])
    x_t = along_path(x, torch.randn_like(x), level)
    seen = small + 0.3 * torch.randn_like(small)
    error = linear(x_t, seen, level, noise) - x
    products = torch.einsum("chw,dhw->cd", error[0], torch.cat([x_t, seen], 1)[0]) / 40_000
    assert products.abs().max() < 0.03


def test_larger_images_are_cut_where_the_training_draws_and_averaged_down() -> None:
    pixels = np.arange(3 * 16 * 16, dtype=np.uint16).reshape(3, 16, 16)
    images = LargerImages(pixels, np.array([2, 0]), 8)
    whole = images.read(torch.tensor([0, 1]))
    assert whole.shape == (2, 1, 8, 8)
    means = pixels[[2, 0]].reshape(2, 8, 2, 8, 2).mean((2, 4)) / 65535 * 2 - 1
    np.testing.assert_allclose(whole[:, 0].numpy(), means, atol=1e-6)
    torch.manual_seed(0)
    cut = images.crops(torch.tensor([0]), side=4, step=4)[0, 0]
    places = [whole[0, 0, top : top + 4, left : left + 4] for top in (0, 4) for left in (0, 4)]
    assert any(torch.allclose(cut, place, atol=1e-6) for place in places)
    few = images.few(np.array([1])).read(torch.tensor([0]))
    assert torch.equal(few[0], whole[1])
    with pytest.raises(ValueError, match="divisor"):
        LargerImages(pixels, np.array([0]), 5)
