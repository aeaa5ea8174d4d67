"""Convolutions that mix channels and leave pixels apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PointwiseConv(nn.Conv2d):
    """A 1x1 convolution that, when it samples, does not depend on the number of CPU threads.

    oneDNN's own splits the sum over channels among the threads; a matrix product for each image
    does not, and takes no longer. `test_images_do_not_depend_on_the_number_of_threads` rests on it.
    Training keeps the convolution, whose gradient is one product for the whole batch.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w)."""
        if torch.is_grad_enabled():
            return super().forward(x)
        assert self.bias is not None
        weight, bias = (each.to(x.dtype) for each in (self.weight, self.bias))
        weights = weight.flatten(1).expand(len(x), -1, -1)  # (b, out, in)
        mixed = torch.baddbmm(bias[:, None], weights, x.flatten(2))  # (b, out, h w)
        return mixed.view(len(x), -1, *x.shape[2:])
