"""A small classifier of noisy images, told how noisy they are."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from models.nn.blocks import ConditionalResidualBlock, group_norm, sinusoidal_embedding


class NoiseClassifier(nn.Module):
    """Residual blocks under the time, halved once, pooled.

    Args:
        image_channels: Channels of the images.
        channels: Width; a multiple of 8.
        num_classes: Classes to tell apart.

    Reference: Dhariwal & Nichol 2021, section 4: half of the U-Net (arXiv:2105.05233).
    """

    def __init__(self, image_channels: int, channels: int, num_classes: int) -> None:
        super().__init__()
        self.condition_size = 4 * channels
        self.stem = nn.Conv2d(image_channels, channels, 3, padding=1)
        self.fine = ConditionalResidualBlock(channels, channels, self.condition_size)
        self.coarse = ConditionalResidualBlock(channels, channels, self.condition_size)
        self.norm = group_norm(channels)
        self.out = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Score the classes, (b, num_classes), of images (b, c, h, w) at times (b,)."""
        condition = F.silu(sinusoidal_embedding(time, self.condition_size))
        h = self.fine(self.stem(x), condition)
        h = self.coarse(F.avg_pool2d(h, 2), condition)
        pooled = F.silu(self.norm(h)).mean(dim=(2, 3))
        return self.out(pooled)  # type: ignore[no-any-return]
