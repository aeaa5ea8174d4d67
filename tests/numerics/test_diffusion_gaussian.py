"""The ideal denoiser of normal data."""

import copy
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from models.diffusion.denoiser import NetworkDenoiser
from models.diffusion.gaussian import GaussianDenoiser
from models.diffusion.paths import PATHS, along_path, slope
from models.diffusion.predictions import PREDICTIONS
from models.families.ldm.config import PREDICTIONS_ON

SHAPE, SIZE, NUM_CLASSES = (2, 3, 3), 18, 2
PAIRS = [(path, prediction) for path, some in PREDICTIONS_ON.items() for prediction in some]


@pytest.fixture(scope="module")
def data() -> tuple[Tensor, Tensor]:
    """Two classes of normal data: apart in their means, alike in a rank-3 covariance and noise."""
    torch.manual_seed(0)
    labels = torch.arange(4000) % NUM_CLASSES
    means = torch.randn(NUM_CLASSES, SIZE)
    factors = torch.linalg.qr(torch.randn(SIZE, 3))[0] * torch.tensor([3.0, 2.0, 1.5])
    x = means[labels] + torch.randn(4000, 3) @ factors.T + 0.3 * torch.randn(4000, SIZE)
    return x.view(-1, *SHAPE), labels


@pytest.fixture(scope="module")
def gaussian(data: tuple[Tensor, Tensor]) -> GaussianDenoiser:
    def read() -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(data[0].split(300), data[1].split(300), strict=True)

    fitted = GaussianDenoiser(SHAPE, NUM_CLASSES, num_components=3)
    for _ in fitted.fit(read):
        pass
    return fitted


def within_classes(x: Tensor, labels: Tensor) -> Tensor:
    return torch.cat([x[labels == k] - x[labels == k].mean(0) for k in range(NUM_CLASSES)])


def test_components_are_those_within_the_classes(
    data: tuple[Tensor, Tensor], gaussian: GaussianDenoiser
) -> None:
    covariance = torch.cov(within_classes(data[0].flatten(1), data[1]).T, correction=0)
    eigenvalues = torch.linalg.eigvalsh(covariance)
    torch.testing.assert_close(gaussian.variances, eigenvalues[-3:], rtol=1e-3, atol=0)
    torch.testing.assert_close(gaussian.rest, eigenvalues[:-3].mean(), rtol=1e-3, atol=0)
    directions = gaussian.directions
    torch.testing.assert_close(
        covariance @ directions, directions * gaussian.variances, atol=2e-3, rtol=0
    )


@pytest.mark.parametrize("path", PATHS)
def test_no_affine_function_denoises_better(
    data: tuple[Tensor, Tensor], gaussian: GaussianDenoiser, path: str
) -> None:
    """Least squares knows the noise that was drawn, and gains next to nothing by it."""
    torch.manual_seed(1)
    x, labels = data
    level = PATHS[path].level(PATHS[path].training_times(torch.tensor(0.4)))
    x_t = along_path(x, torch.randn_like(x), level)
    ours = (gaussian(x_t, level, labels) - x).square().mean()
    inputs = torch.cat([x_t.flatten(1), torch.eye(NUM_CLASSES)[labels]], dim=1)
    best = inputs @ torch.linalg.lstsq(inputs, x.flatten(1)).solution
    assert float(ours) == pytest.approx(float((best - x.flatten(1)).square().mean()), rel=0.02)


def test_no_class_stands_for_the_mean_of_all(
    data: tuple[Tensor, Tensor], gaussian: GaussianDenoiser
) -> None:
    torch.testing.assert_close(gaussian.means[-1], data[0].flatten(1).mean(0), atol=1e-5, rtol=0)


def test_mixture_that_is_one_class_denoises_as_its_label(gaussian: GaussianDenoiser) -> None:
    torch.manual_seed(2)
    x, labels = torch.randn(3, *SHAPE), torch.tensor([0, 1, 2])
    level = PATHS["straight"].level(torch.tensor(0.5))
    torch.testing.assert_close(
        gaussian(x, level, torch.eye(NUM_CLASSES + 1)[labels]), gaussian(x, level, labels)
    )


@pytest.mark.parametrize(("path", "prediction"), PAIRS)
def test_untrained_network_denoises_as_the_gaussian(
    gaussian: GaussianDenoiser, path: str, prediction: str
) -> None:
    torch.manual_seed(3)
    x, labels = torch.randn(3, *SHAPE), torch.tensor([0, 1, 2])

    def network(x: Tensor, times: Tensor, classes: Tensor) -> Tensor:
        return torch.zeros_like(x)

    denoise = NetworkDenoiser(network, PREDICTIONS[prediction], gaussian, labels)
    level = PATHS[path].level(PATHS[path].training_times(torch.tensor(0.5, dtype=torch.float64)))
    torch.testing.assert_close(denoise(x, level), gaussian(x, level, labels), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("path", PATHS)
def test_flow_leaves_in_the_direction_of_the_denoisers_slope(
    gaussian: GaussianDenoiser, path: str
) -> None:
    """And so solves the probability flow: its derivative is the path's slope everywhere."""
    torch.manual_seed(3)
    exact = copy.deepcopy(gaussian).double()
    labels = torch.tensor([0, 1])
    x = torch.randn(2, *SHAPE, dtype=torch.float64)
    t = PATHS[path].training_times(torch.tensor(0.6, dtype=torch.float64))
    level, before, after = (PATHS[path].level(t + step) for step in (0, -1e-5, 1e-5))
    moved = exact.flow(x, level, after, labels) - exact.flow(x, level, before, labels)
    torch.testing.assert_close(moved / 2e-5, slope(x, exact(x, level, labels), level))


def test_flow_in_two_steps_is_the_flow_in_one(gaussian: GaussianDenoiser) -> None:
    torch.manual_seed(4)
    x, labels = torch.randn(2, *SHAPE), torch.tensor([0, 1])
    start, middle, end = (PATHS["straight"].level(torch.tensor(t)) for t in (1.0, 0.4, 0.0))
    halfway = gaussian.flow(x, start, middle, labels)
    torch.testing.assert_close(
        gaussian.flow(halfway, middle, end, labels), gaussian.flow(x, start, end, labels)
    )
