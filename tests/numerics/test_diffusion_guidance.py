"""Classifier-free guidance."""

import pytest
import torch
from torch import Tensor

from models.diffusion.guidance import drop_labels, guided

NO_CLASS = 3


def velocity(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
    """Pull towards a place of each class; "no class" pulls to 3."""
    return labels.to(x.dtype).view(-1, 1, 1, 1) - x * t.view(-1, 1, 1, 1)


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 1, 2, 2, dtype=torch.float64)


def test_guidance_of_one_follows_the_class_alone(x: Tensor) -> None:
    labels, t = torch.tensor([0, 1, 2]), torch.tensor(0.5, dtype=torch.float64)
    conditional = velocity(x, t.expand(3), labels)
    assert torch.equal(
        guided(velocity, labels, 1.0, torch.full_like(labels, NO_CLASS))(x, t), conditional
    )


def test_guidance_extrapolates_from_no_class_through_the_class(x: Tensor) -> None:
    labels, t = torch.tensor([0, 1, 2]), torch.tensor(0.5, dtype=torch.float64)
    with_class = velocity(x, t.expand(3), labels)
    without_class = velocity(x, t.expand(3), torch.full_like(labels, NO_CLASS))
    torch.testing.assert_close(
        guided(velocity, labels, 2.5, torch.full_like(labels, NO_CLASS))(x, t),
        2.5 * with_class - 1.5 * without_class,
    )


def test_guidance_tends_to_the_conditional_velocity(x: Tensor) -> None:
    labels, t = torch.tensor([0, 1, 2]), torch.tensor(0.5, dtype=torch.float64)
    torch.testing.assert_close(
        guided(velocity, labels, 1 + 1e-9, torch.full_like(labels, NO_CLASS))(x, t),
        guided(velocity, labels, 1.0, torch.full_like(labels, NO_CLASS))(x, t),
    )


def test_labels_are_dropped_as_often_as_asked() -> None:
    torch.manual_seed(0)
    dropped = drop_labels(torch.zeros(100_000, dtype=torch.int64), 0.1, NO_CLASS)
    assert float((dropped == NO_CLASS).double().mean()) == pytest.approx(0.1, abs=0.005)
    assert float((dropped == 0).double().mean()) == pytest.approx(0.9, abs=0.005)
