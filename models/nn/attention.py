"""Self-attention over the places of a feature map."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F

from models.nn.normalisation import group_norm
from models.nn.pointwise import PointwiseConv
from models.nn.residual import zeroed

CHANNELS_PER_HEAD = 64


class SelfAttention(nn.Module):
    """Residual multi-head attention of every place to every place; starts as the identity.

    Heads have 64 channels where 64 divides the channels, and fewer where not.

    Reference: Vaswani et al. 2017, section 3.2 (arXiv:1706.03762).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.num_heads = channels // math.gcd(channels, CHANNELS_PER_HEAD)
        self.norm = group_norm(channels)
        self.query_key_value = PointwiseConv(channels, 3 * channels)
        self.out = zeroed(PointwiseConv(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, c, h, w) to the same shape."""
        b, c, h, w = x.shape
        heads = self.query_key_value(self.norm(x)).view(b, 3, self.num_heads, -1, h * w)
        query, key, value = heads.transpose(-1, -2).unbind(1)  # (b, heads, h * w, c / heads)
        attended = F.scaled_dot_product_attention(query, key, value)
        return x + self.out(attended.transpose(-1, -2).reshape(b, c, h, w))  # type: ignore[no-any-return]
