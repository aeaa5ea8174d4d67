"""Residual blocks: norm, SiLU, convolution, twice."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional as F

from models.nn.normalisation import AdaptiveGroupNorm, group_norm
from models.nn.pointwise import PointwiseConv

ConvT = TypeVar("ConvT", bound=nn.Conv2d | nn.ConvTranspose2d)


class ResidualBlock(nn.Module):
    """A pre-activation residual block that starts as its skip path.

    Reference: He et al. 2016, fig. 4e (arXiv:1603.05027).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = group_norm(out_channels)
        self.conv2 = zero_conv(out_channels, out_channels)
        self.skip = skip_path(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return self.skip(x) + h  # type: ignore[no-any-return]


class ConditionalResidualBlock(nn.Module):
    """A residual block whose second normalisation follows a condition.

    Reference: Dhariwal & Nichol 2021, section 3 (arXiv:2105.05233).
    """

    def __init__(
        self, in_channels: int, out_channels: int, condition_size: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = group_norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm2 = AdaptiveGroupNorm(out_channels, condition_size)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = zero_conv(out_channels, out_channels)
        self.skip = skip_path(in_channels, out_channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w)."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(self.dropout(F.silu(self.norm2(h, condition))))
        return self.skip(x) + h  # type: ignore[no-any-return]


def zero_conv(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Build a 3x3 convolution that keeps the size and starts at zero."""
    return zeroed(nn.Conv2d(in_channels, out_channels, 3, padding=1))


def zeroed(conv: ConvT) -> ConvT:
    """Set a convolution to zero."""
    assert conv.bias is not None
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


def skip_path(in_channels: int, out_channels: int) -> nn.Module:
    """Build the shortest path between two numbers of channels."""
    if in_channels == out_channels:
        return nn.Identity()
    return PointwiseConv(in_channels, out_channels)
