import pytest
import torch
from torch import nn

from models.nn.blocks import PointwiseConv


@pytest.mark.parametrize(("in_channels", "out_channels", "side"), [(192, 96, 16), (64, 128, 8)])
def test_is_a_convolution_of_single_pixels(in_channels, out_channels, side):
    torch.manual_seed(0)
    pointwise = PointwiseConv(in_channels, out_channels).double()
    x = torch.randn(3, in_channels, side, side, dtype=torch.float64)
    conv = nn.functional.conv2d(x, pointwise.weight, pointwise.bias)
    torch.testing.assert_close(pointwise(x), conv)
    with torch.inference_mode():
        torch.testing.assert_close(pointwise(x), conv)


@pytest.mark.parametrize(("in_channels", "out_channels", "side"), [(192, 96, 16), (64, 128, 8)])
def test_bits_do_not_depend_on_the_number_of_threads(in_channels, out_channels, side):
    torch.manual_seed(0)
    pointwise = PointwiseConv(in_channels, out_channels)
    x = torch.randn(8, in_channels, side, side)
    threads = torch.get_num_threads()
    mixed = []
    try:
        for num_threads in (1, 2, 3):
            torch.set_num_threads(num_threads)
            with torch.inference_mode():
                mixed.append(pointwise(x))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(mixed[0], mixed[1])
    assert torch.equal(mixed[0], mixed[2])
