"""Attention: one function, whichever way a device computes it."""

import pytest
import torch
from torch.nn import functional as F

from models.nn.blocks import FEW_PLACES, attention


@pytest.mark.parametrize("num_places", [1, 16, 64, FEW_PLACES, 4 * FEW_PLACES])
def test_attention_is_that_of_torch_forwards_and_backwards(num_places: int) -> None:
    torch.manual_seed(0)
    ours = [torch.randn(2, 3, num_places, 8, dtype=torch.float64) for _ in range(3)]
    theirs = [each.clone().requires_grad_() for each in ours]
    ours = [each.requires_grad_() for each in ours]
    upstream = torch.randn(2, 3, num_places, 8, dtype=torch.float64)

    attended, expected = attention(*ours), F.scaled_dot_product_attention(*theirs)
    torch.testing.assert_close(attended, expected)
    attended.backward(upstream)
    expected.backward(upstream)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_equal_keys_give_the_mean_of_the_values() -> None:
    query, value = torch.randn(1, 2, 5, 4), torch.randn(1, 2, 5, 4)
    attended = attention(query, torch.zeros(1, 2, 5, 4), value)
    torch.testing.assert_close(attended, value.mean(2, keepdim=True).expand_as(value))


def test_attention_keeps_the_number_format_under_autocast() -> None:
    query, key, value = torch.randn(3, 1, 2, 5, 4).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        assert attention(query, key, value).dtype == torch.bfloat16
