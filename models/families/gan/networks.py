"""The generator and the discriminator: residual networks without normalisation.

Both see images as whitened patches (`patch_whitening`), so that every convolution runs at a low
resolution. Residual branches end in a convolution that starts at zero, which takes the place
of normalisation (Zhang et al. 2019, arXiv:1901.09321; Huang et al. 2024, section 3.2,
arXiv:2501.05441).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.families.gan.config import Config
from models.family import ImageSpec
from models.nn.blocks import COARSEST, ClassEmbedding, pyramid, skip_path, zero_conv, zeroed
from models.nn.label_odds import label_log_odds

SLOPE = 0.2  # of the leaky rectifiers
GENERATOR_COARSEST = 8  # the draft says what lies beneath
CORRECTION_SCALE = 0.2  # in image units: how far the generator's first steps reach

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def keeping_variance(layer: Layer, slope: float = 1.0) -> Layer:
    """Start a layer so that its outputs vary as much as its inputs did before rectification.

    Reference: He et al. 2015, eq. 15 (arXiv:1502.01852).
    """
    nn.init.kaiming_normal_(layer.weight, slope)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


class Residual(nn.Module):
    """A residual block, modulated between its convolutions where there is a style."""

    def __init__(self, in_channels: int, out_channels: int, style_size: int = 0) -> None:
        super().__init__()
        self.conv1 = keeping_variance(nn.Conv2d(in_channels, out_channels, 3, padding=1), SLOPE)
        self.style = nn.Linear(style_size, 2 * out_channels) if style_size else None
        self.conv2 = zero_conv(out_channels, out_channels)
        self.skip = skip_path(in_channels, out_channels)
        if isinstance(self.skip, nn.Conv2d):
            keeping_variance(self.skip)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        """Map (b, in_channels, h, w) to (b, out_channels, h, w) under styles (b, style_size)."""
        h = self.conv1(F.leaky_relu(x, SLOPE))
        if self.style is not None:
            scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
            h = torch.addcmul(shift, h, 1 + scale)
        h = self.conv2(F.leaky_relu(h, SLOPE))
        return self.skip(x) + h  # type: ignore[no-any-return]


class SteadyUpsampling(nn.ConvTranspose2d):
    """A transposed convolution that turns constant features into a constant image.

    Its patches overlap by half, so that no seams show (Malvar 1992, on lapped transforms). Its
    kernels are projected so that, at each place within a patch, those that overlap there have the
    same sum: otherwise what features have in common shows as a lattice of dots, one to a patch.

    Args:
        in_channels: Of the features.
        patch_size: Side in pixels of what a feature becomes.

    Reference: Sugawara et al. 2018, section 3 (arXiv:1806.02658).
    """

    def __init__(self, in_channels: int, patch_size: int) -> None:
        super().__init__(in_channels, 1, 2 * patch_size, patch_size, padding=patch_size // 2)
        self._patch_size = patch_size

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Map (b, in_channels, h, w) to (b, 1, h * p, w * p)."""
        p = self._patch_size
        overlapping = self.weight.reshape(-1, 1, 2, p, 2, p)
        sums = overlapping.sum((2, 4), keepdim=True)
        excess = (sums - sums.mean((3, 5), keepdim=True)) / 4
        steady = (overlapping - excess).reshape(self.weight.shape)
        # patches overlap at the border as well; `pad` is slow on a GPU that must repeat itself
        x = torch.cat([x[..., :1, :], x, x[..., -1:, :]], 2)
        x = torch.cat([x[..., :1], x, x[..., -1:]], 3)
        return F.conv_transpose2d(x, steady, self.bias, p, p + p // 2)


class Generator(nn.Module):
    """From latents, a class and a first draft to corrections of the draft: a U-Net.

    There are none before training.
    """

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        p = config.patch_size
        levels = pyramid(spec.size // p, config.generator_width)
        channels = [channels for side, channels in levels if side >= GENERATOR_COARSEST]
        style_size = 2 * config.num_latents
        self.num_noise_maps = config.num_noise_maps
        self.classes = ClassEmbedding(spec.num_classes, config.num_latents)
        self.style = nn.Linear(style_size, style_size)
        self.from_patches = keeping_variance(
            nn.Conv2d(p**2 + config.num_noise_maps, channels[0], 3, padding=1)
        )
        steps = list(pairwise(channels))
        self.down = nn.ModuleList(Residual(fine, coarse, style_size) for fine, coarse in steps)
        self.up = nn.ModuleList(Residual(coarse, fine, style_size) for fine, coarse in steps[::-1])
        self.finest = Residual(channels[0], channels[0], style_size)
        self.to_pixels = zeroed(SteadyUpsampling(channels[0], p))

    def forward(self, latents: Tensor, classes: Tensor, draft: Tensor, noise: Tensor) -> Tensor:
        """Return what to add to the draft, (b, 1, h, w).

        Args:
            latents: (b, num_latents).
            classes: Labels, (b,), or mixtures, (b, num_classes).
            draft: As whitened patches, (b, p^2, h / p, w / p).
            noise: Standard normal, (b, num_noise_maps, h / p, w / p).
        """
        seed = torch.cat([latents, self.classes(classes)], dim=1)
        style = F.leaky_relu(self.style(seed), SLOPE)
        x = self.from_patches(torch.cat([draft, noise], dim=1))
        passed = [x]
        for block in self.down:
            x = block(F.avg_pool2d(x, 2), style)
            passed.append(x)
        passed.pop()
        for block in self.up:
            x = F.interpolate(block(x, style), scale_factor=2, mode="nearest") + passed.pop()
        x = self.finest(x, style)
        corrections: Tensor = self.to_pixels(F.leaky_relu(x, SLOPE))
        return CORRECTION_SCALE * corrections.float()


class DiscriminatorOutput(NamedTuple):
    """What the discriminator says of images.

    Attributes:
        logits: (b,), how real each image looks for its label.
        class_loss: (b,), what each image costs for being taken for another class; 0 where the
            discriminator names no classes.
    """

    logits: Tensor
    class_loss: Tensor


class Discriminator(nn.Module):
    """From an image's patches and its label to how real it looks."""

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__()
        levels = pyramid(spec.size // config.patch_size, config.discriminator_width)
        channels = [channels for _, channels in levels]
        self.from_patches = keeping_variance(
            nn.Conv2d(config.patch_size**2, channels[0], 3, padding=1)
        )
        self.levels = nn.ModuleList(
            Residual(before, after)
            for before, after in zip([channels[0], *channels], channels, strict=False)
        )
        self.to_features = keeping_variance(
            nn.Linear(channels[-1] * COARSEST**2, channels[-1]), SLOPE
        )
        self.head = HEADS[config.conditioning](channels[-1], spec.num_classes)

    def forward(self, patches: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """Score patches (b, p^2, h / p, w / p) for labels (b,)."""
        x = self.from_patches(patches)
        for i, block in enumerate(self.levels):
            if i > 0:
                x = F.avg_pool2d(x, 2)
            x = block(x)
        features = self.to_features(F.leaky_relu(x, SLOPE).flatten(1))
        return self.head(F.leaky_relu(features, SLOPE).float(), labels)  # type: ignore[no-any-return]


class Projection(nn.Module):
    """D(x, y) = y^T V phi(x) + psi(phi(x)).

    Reference: Miyato & Koyama 2018, eq. 3 (arXiv:1802.05637).
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.unconditional = keeping_variance(nn.Linear(num_features, 1), SLOPE)
        self.classes = nn.Embedding(num_classes, num_features)

    def forward(self, features: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """Score features (b, num_features) for labels (b,)."""
        projected = (features * self.classes(labels)).sum(1) / features.shape[1] ** 0.5
        logit = self.unconditional(features).float().squeeze(1) + projected
        return DiscriminatorOutput(logit, torch.zeros_like(logit))


class ClassesAndSynthetic(nn.Module):
    """A classifier of K real classes and one more: synthetic.

    With p = softmax(l), an image's logit is the log-odds l_y - l_(K+1) of its class y against
    "synthetic", and its class loss -log(p_y + p_(K+1)). Under the bce objective the two make up the
    (K+1)-way cross entropy: -log p_y = log(1 + e^-logit) + class loss for a real image, and
    -log p_(K+1) = log(1 + e^logit) + class loss for a synthetic one. With one class there is no
    class loss and this is an unconditional discriminator.

    Reference: Salimans et al. 2016, section 5 (arXiv:1606.03498); Odena 2016 (arXiv:1606.01583).
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.classifier = keeping_variance(nn.Linear(num_features, num_classes + 1), SLOPE)

    def forward(self, features: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """Score features (b, num_features) for labels (b,)."""
        logits = self.classifier(features).float()  # (b, K + 1)
        own, synthetic = logits.gather(1, labels[:, None]).squeeze(1), logits[:, -1]
        class_loss = logits.logsumexp(1) - torch.logaddexp(own, synthetic)
        return DiscriminatorOutput(own - synthetic, class_loss)


class AuxiliaryClassifier(nn.Module):
    """A verdict that does not know the class, and beside it a classifier of the K classes.

    With p = softmax(l), an image's class loss is -log p_y: both networks pay it, the discriminator
    on real and on synthetic images, so that each class keeps what distinguishes it. With the bce
    objective this is AC-GAN: the discriminator maximises L_S + L_C, the generator L_C - L_S. With
    one class there is no class loss and this is an unconditional discriminator.

    Reference: Odena et al. 2017, eq. 2 and 3 (arXiv:1610.09585).
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.source = keeping_variance(nn.Linear(num_features, 1), SLOPE)
        self.classifier = keeping_variance(nn.Linear(num_features, num_classes), SLOPE)

    def forward(self, features: Tensor, labels: Tensor) -> DiscriminatorOutput:
        """Score features (b, num_features) for labels (b,)."""
        logit = self.source(features).float().squeeze(1)
        logits = self.classifier(features).float()  # (b, K)
        class_loss = F.softplus(-label_log_odds(logits, labels))  # -log p_y
        return DiscriminatorOutput(logit, class_loss)


HEADS = {
    "projection": Projection,
    "k_plus_1": ClassesAndSynthetic,
    "auxiliary": AuxiliaryClassifier,
}
