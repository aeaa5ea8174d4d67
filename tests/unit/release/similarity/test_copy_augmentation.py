from __future__ import annotations

import pytest
import torch

from release.similarity import copy_augmentation
from release.similarity.copy_augmentation import view


def drawn() -> torch.Tensor:
    return torch.rand(6, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_same_source_draws_the_same_views_and_another_others() -> None:
    first, again, other = (view(drawn(), torch.Generator().manual_seed(k)) for k in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_views_are_images() -> None:
    seen = view(drawn(), torch.Generator().manual_seed(2))
    assert seen.shape == (6, 1, 64, 64)
    assert seen.min() >= -1
    assert seen.max() <= 1


@pytest.mark.parametrize("change", [change for _, change in copy_augmentation._DEGRADATIONS])
def test_each_degradation_changes_images_and_keeps_them_alike(change) -> None:
    images = torch.nn.functional.interpolate(drawn()[..., ::8, ::8], 64, mode="bilinear")
    changed = change(images, torch.Generator().manual_seed(3))
    assert not torch.equal(changed, images)
    stacked = torch.stack([changed.flatten(), images.flatten()])
    assert torch.corrcoef(stacked)[0, 1] > 0.8
