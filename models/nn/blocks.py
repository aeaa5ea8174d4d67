"""The blocks that the networks are built of: embeddings, normalisation, convolutions, attention."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS_PER_GROUP = 8
ConvT = TypeVar("ConvT", bound=nn.Conv2d | nn.ConvTranspose2d)
CHANNELS_PER_HEAD = 64
FEW_PLACES = 256  # whose products with each other fit in a cache
COARSEST = 4  # side of the smallest feature maps


def sinusoidal_embedding(time: Tensor, size: int, max_frequency: float = 1000.0) -> Tensor:
    """Describe times in [0, 1] by cosines and sines of geometrically spaced frequencies.

    Args:
        time: (b,).
        size: Length of each vector; even.
        max_frequency: The highest angular frequency; the lowest is 1.

    Returns:
        (b, size), float32.

    Reference: Vaswani et al. 2017, section 3.5 (arXiv:1706.03762).
    """
    steps = torch.linspace(0, 1, size // 2, device=time.device)
    phases = time.float()[:, None] * torch.exp(steps * math.log(max_frequency))
    return torch.cat([phases.cos(), phases.sin()], dim=1)


def of_classes(table: Tensor, classes: Tensor) -> Tensor:
    """Read what a table says of classes, or of mixtures of them.

    Args:
        table: (num_classes, ...).
        classes: Labels, (b,), int64; or what each class weighs, (b, num_classes), float. The
            mixture that is one class alone reads the same as its label, bit for bit.

    Returns:
        (b, ...).
    """
    if not classes.is_floating_point():
        return table[classes]
    with torch.autocast(table.device.type, enabled=False):
        mixed: Tensor = torch.tensordot(classes.to(table.dtype), table, dims=1)
    return mixed


class ClassEmbedding(nn.Embedding):
    """A learnt vector for each class, and for mixtures of classes the vectors mixed alike."""

    def forward(self, classes: Tensor) -> Tensor:
        """Map classes as `of_classes` takes them to vectors (b, embedding_dim)."""
        return of_classes(self.weight, classes)


class TimeAndClassEmbedding(nn.Module):
    """Embed the time, the class or no class, and any changes of augmentation, in one vector.

    Label `num_classes` stands for "no class", which classifier-free guidance needs.
    """

    def __init__(self, num_classes: int, size: int, num_changes: int = 0) -> None:
        super().__init__()
        self.size = size
        self.classes = ClassEmbedding(num_classes + 1, size)
        self.hidden = nn.Linear(size, size)
        self.out = nn.Linear(size, size)
        self.changes = nn.Linear(num_changes, size, bias=False) if num_changes else None

    def forward(self, time: Tensor, classes: Tensor, changes: Tensor | None = None) -> Tensor:
        """Map times (b,), classes, as `of_classes` takes them, and changes to vectors (b, size)."""
        time_vector = F.silu(self.hidden(sinusoidal_embedding(time, self.size)))
        vector = self.out(time_vector) + self.classes(classes)
        if self.changes is not None and changes is not None:
            vector = vector + self.changes(changes)
        return F.silu(vector)


def group_norm(channels: int, *, affine: bool = True) -> nn.GroupNorm:
    """Build a group normalisation; `channels` is a multiple of 8."""
    return nn.GroupNorm(channels // CHANNELS_PER_GROUP, channels, eps=1e-5, affine=affine)


class AdaptiveGroupNorm(nn.Module):
    """Group normalisation whose scale and shift follow a condition.

    Starts as a plain group normalisation, whatever the condition.

    Reference: Dhariwal & Nichol 2021, eq. 3, AdaGN (arXiv:2105.05233).
    """

    def __init__(self, channels: int, condition_size: int) -> None:
        super().__init__()
        self.norm = group_norm(channels, affine=False)
        self.scale_and_shift = nn.Linear(condition_size, 2 * channels)
        nn.init.zeros_(self.scale_and_shift.weight)
        nn.init.zeros_(self.scale_and_shift.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Normalise (b, c, h, w) under a condition (b, condition_size)."""
        scale, shift = self.scale_and_shift(condition)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(x), 1 + scale)


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


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend from each query to all keys: (b, heads, n, d) each, and the same returned.

    Of few places a CPU computes the products themselves several times as fast as torch's kernel
    for it, most of all backwards.

    Reference: Vaswani et al. 2017, eq. 1 (arXiv:1706.03762).
    """
    if query.device.type != "cpu" or query.shape[-2] > FEW_PLACES:
        return F.scaled_dot_product_attention(query, key, value)
    similar = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    attended: Tensor = similar.softmax(-1).to(value.dtype) @ value
    return attended


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
        attended = attention(query, key, value)
        return x + self.out(attended.transpose(-1, -2).reshape(b, c, h, w))  # type: ignore[no-any-return]


def pyramid(finest: int, width: int) -> list[tuple[int, int]]:
    """List the side and the channels of each level, finest first.

    Args:
        finest: Side of the largest feature maps; a power of two, at least 4.
        width: Channels where the side is 16; half as many above, twice below.
    """
    sides = [finest]
    while sides[-1] > COARSEST:
        sides.append(sides[-1] // 2)
    return [
        (side, width // 2 if side > 16 else 2 * width if side < 16 else width) for side in sides
    ]
