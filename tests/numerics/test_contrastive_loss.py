from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from release.similarity.copy_training import contrastive_loss


def test_the_loss_is_the_definition_view_by_view() -> None:
    """NT-Xent, Chen et al. 2020, equation 1; images of one patient are left out."""
    rng = torch.Generator().manual_seed(0)
    z = F.normalize(torch.randn(8, 5, generator=rng), dim=1)
    patients = torch.tensor([0, 1, 1, 2]).repeat(2)
    total = 0.0
    for i in range(8):
        partner = (i + 4) % 8
        against = sum(
            math.exp(z[i] @ z[k] / 0.3)
            for k in range(8)
            if k == partner or patients[k] != patients[i]
        )
        total -= math.log(math.exp(z[i] @ z[partner] / 0.3) / against)
    assert contrastive_loss(z, patients, 0.3).item() == pytest.approx(total / 8, rel=1e-5)


def test_views_that_agree_and_images_that_differ_cost_nothing() -> None:
    z = torch.eye(4).repeat(2, 1)
    assert contrastive_loss(z, torch.arange(4).repeat(2), 0.05).item() < 1e-6


def test_images_that_are_all_alike_cost_the_logarithm_of_their_number() -> None:
    z = torch.ones(8, 1)
    loss = contrastive_loss(z, torch.arange(4).repeat(2), 0.1)
    assert loss.item() == pytest.approx(math.log(7))
