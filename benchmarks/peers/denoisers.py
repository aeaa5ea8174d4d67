"""The peers' U-Nets, in the size of ours: as many parameters and as many multiplications.

Widths are searched in steps that the networks' group normalisation can take, with one residual
block at each level and attention where ours has it, and the nearest is taken by the sum of the
logarithms' distances in parameters and in multiply-accumulates of one image.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

Forward = Callable[[Tensor, Tensor, Tensor], Tensor]
WIDTHS = range(32, 353, 32)


@dataclass(frozen=True)
class Size:
    """What a network costs.

    Attributes:
        num_parameters: Of the whole network.
        macs: Multiply-accumulates of one image on the way forward.
    """

    num_parameters: int
    macs: int

    def distance(self, other: Size) -> float:
        """Say how unlike two sizes are: 0 for equals, 0.1 for 10 % in one of the two."""
        parameters = abs(math.log(self.num_parameters / other.num_parameters))
        return parameters + abs(math.log(self.macs / other.macs))


@dataclass(frozen=True)
class Latents:
    """What a denoiser denoises.

    Attributes:
        channels: Of the latents.
        side: Their height and width.
        num_classes: Number of classes it is conditioned on.
        attends: For each level, the finest first, whether it has attention.
    """

    channels: int
    side: int
    num_classes: int
    attends: tuple[bool, ...]


Builder = Callable[[Sequence[int], Latents], tuple[nn.Module, Forward]]


def monai_unet(widths: Sequence[int], latents: Latents) -> tuple[nn.Module, Forward]:
    """Build MONAI's U-Net with these widths, and a way to call it."""
    from monai.networks.nets import DiffusionModelUNet

    network = DiffusionModelUNet(
        spatial_dims=2,
        in_channels=latents.channels,
        out_channels=latents.channels,
        num_res_blocks=1,
        channels=tuple(widths),
        attention_levels=latents.attends,
        num_head_channels=tuple(
            width * attends for width, attends in zip(widths, latents.attends, strict=True)
        ),
        num_class_embeds=latents.num_classes,
    )
    return network, lambda x, t, labels: network(x, t, class_labels=labels)


def diffusers_unet(widths: Sequence[int], latents: Latents) -> tuple[nn.Module, Forward]:
    """Build diffusers' U-Net with these widths, and a way to call it."""
    from diffusers import UNet2DModel

    attends = latents.attends
    network = UNet2DModel(
        sample_size=latents.side,
        in_channels=latents.channels,
        out_channels=latents.channels,
        layers_per_block=1,
        block_out_channels=tuple(widths),
        down_block_types=tuple("AttnDownBlock2D" if a else "DownBlock2D" for a in attends),
        up_block_types=tuple("AttnUpBlock2D" if a else "UpBlock2D" for a in reversed(attends)),
        num_class_embeds=latents.num_classes,
    )
    return network, lambda x, t, labels: network(x, t, class_labels=labels).sample


def measure(network: nn.Module, forward: Forward, latents: Latents) -> Size:
    """Count parameters and multiply-accumulates of one image, where the network is."""
    device = next(network.parameters()).device
    x = torch.zeros(1, latents.channels, latents.side, latents.side, device=device)
    t, labels = torch.zeros(1, device=device), torch.zeros(1, dtype=torch.int64, device=device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        forward(x, t, labels)
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    return Size(num_parameters, counter.get_total_flops() // 2)


def nearest_widths(
    build: Builder, latents: Latents, wanted: Size, widths: Sequence[int] = WIDTHS
) -> tuple[int, ...]:
    """Find the widths with which a network comes nearest to a size."""

    def distance(chosen: tuple[int, ...]) -> float:
        with torch.device("meta"):
            network, forward = build(chosen, latents)
            return measure(network, forward, latents).distance(wanted)

    levels = len(latents.attends)
    return min(itertools.combinations_with_replacement(widths, levels), key=distance)
