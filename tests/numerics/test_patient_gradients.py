"""Gradients image by image are what differentiating one image after another gives."""

import pytest
import torch
from torch import nn

from models.config import Circumstances
from models.families.ldm.model import LatentDiffusion
from models.family import ImageSpec
from models.presets import resolve_config
from models.privacy.patient_gradients import PatientGradients


@pytest.fixture
def model():
    torch.manual_seed(0)
    config = resolve_config("ldm", "tiny", {"private_draws": 3}, Circumstances(64, private=True))
    model = LatentDiffusion(config, ImageSpec(64, 2))
    for weight in model.denoiser.parameters():  # which starts at zero, where much cancels
        nn.init.normal_(weight, std=0.05)
    nn.init.normal_(model.space.autoencoder.components)
    return model.eval()


def gradients_of(model):
    stage = model.private_stage()
    return PatientGradients(stage.network, stage.trained, stage.losses, stage.num_draws)


def random_images(number):
    rng = torch.Generator().manual_seed(1)
    return torch.rand(number, 1, 64, 64, generator=rng) * 2 - 1, torch.arange(number) % 2


def test_a_row_is_the_gradient_of_one_image_s_mean_loss_over_its_draws(model):
    gradients, stage, (images, labels) = (
        gradients_of(model),
        model.private_stage(),
        random_images(4),
    )
    with gradients.hooked():
        torch.manual_seed(3)
        rows = gradients.rows(images, labels)
    torch.manual_seed(3)
    losses = stage.losses(images, labels).view(4, 3).mean(1)
    for row, loss in zip(rows, losses, strict=True):
        parts = torch.autograd.grad(loss, stage.trained, retain_graph=True)
        expected = torch.cat([part.flatten() for part in parts])
        torch.testing.assert_close(row, expected, rtol=1e-3, atol=1e-6)
    assert rows.shape == (4, stage.num_values)


def test_an_image_s_gradient_knows_nothing_of_the_images_beside_it(model):
    gradients, (images, labels) = gradients_of(model), random_images(2)
    rows = []
    with gradients.hooked():
        for other in (images[1], -images[1]):
            torch.manual_seed(3)
            rows.append(gradients.rows(torch.stack([images[0], other]), labels))
    torch.testing.assert_close(rows[0][0], rows[1][0])
    assert not torch.allclose(rows[0][1], rows[1][1])


def test_the_model_is_left_as_it_was(model):
    before = {name: weight.requires_grad for name, weight in model.named_parameters()}
    gradients = gradients_of(model)
    with gradients.hooked():
        gradients.rows(*random_images(2))
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == before
    assert not any(hasattr(weight, "grad_sample") for weight in model.parameters())
    assert not model.denoiser.training


def test_a_network_that_carries_something_from_image_to_image_is_refused():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    gradients = PatientGradients(
        network, [*network.parameters()], lambda x, y: network(x).sum((1, 2, 3)), 1
    )
    with pytest.raises(AssertionError, match="image to image"), gradients.hooked():
        pass
