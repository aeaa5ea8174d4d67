import pytest
import torch

from models.families.gan.band_lengths import FIRST, bands, join_busyness, split_busyness


@pytest.mark.parametrize("num_latents", [6, FIRST, FIRST + 1, 192])
def test_latents_come_back(num_latents):
    latents = torch.randn(5, num_latents)
    vectors = split_busyness(latents)
    assert vectors.shape == (5, num_latents + len(bands(num_latents)))
    torch.testing.assert_close(join_busyness(vectors, num_latents), latents)


def test_bands_are_the_latents_after_the_first():
    assert [(each.start, each.stop) for each in bands(192)] == [(16, 48), (48, 144), (144, 192)]
    assert not bands(6)


def test_a_busier_image_differs_by_the_last_numbers_alone():
    latents = torch.randn(4, 192)
    busier = torch.cat([latents[:, :FIRST], 2 * latents[:, FIRST:]], 1)
    plain, busy = split_busyness(latents), split_busyness(busier)
    torch.testing.assert_close(plain[:, :192], busy[:, :192])
    assert (busy[:, 192:] > plain[:, 192:]).all()
