"""Inception v3 up to its last pooling: the network whose features most Fréchet distances are of.

The parameters are named as in torchvision's state dict, so that its weights fit; the classes' layer
and the auxiliary head, which features do not need, are left out.

Reference: Szegedy et al. 2016, sections 3 to 6 (arXiv:1512.00567).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 299
LEFT_OUT = ("fc.", "AuxLogits.")

Kernel = tuple[int, int]
Step = tuple[tuple[str, int, Kernel], ...]  # convolutions side by side: name, outputs, kernel


class Convolution(nn.Module):
    """A convolution, normalised, of which the positive part is kept."""

    def __init__(
        self, num_inputs: int, num_outputs: int, kernel: Kernel, stride: int, *, padded: bool
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(num_inputs, num_outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(num_outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Transform maps, (b, c, h, w)."""
        out: Tensor = F.relu(self.bn(self.conv(x)))
        return out


class Mixed(nn.Module):
    """Branches side by side, whose maps are put one after another.

    The last branch begins with pooling: an average where the side stays, the largest where the
    last step of every branch halves it.
    """

    def __init__(
        self, num_inputs: int, branches: Sequence[Sequence[Step]], *, halves: bool = False
    ) -> None:
        super().__init__()
        self._branches = [[[name for name, _, _ in step] for step in each] for each in branches]
        self._halves = halves
        self.num_outputs = num_inputs if halves else 0  # of the pooling, which has no convolution
        for branch in branches:
            width = num_inputs
            for step in branch:
                stride = 2 if halves and step is branch[-1] else 1
                for name, num_outputs, kernel in step:
                    conv = Convolution(width, num_outputs, kernel, stride, padded=stride == 1)
                    self.add_module(name, conv)
                width = sum(num_outputs for _, num_outputs, _ in step)
            self.num_outputs += width if branch else 0

    def forward(self, x: Tensor) -> Tensor:
        """Transform maps, (b, c, h, w)."""
        pooled = F.max_pool2d(x, 3, 2) if self._halves else F.avg_pool2d(x, 3, 1, 1)
        begun = [x] * (len(self._branches) - 1) + [pooled]
        return torch.cat(
            [self._along(*each) for each in zip(self._branches, begun, strict=True)], 1
        )

    def _along(self, branch: list[list[str]], x: Tensor) -> Tensor:
        for step in branch:
            x = torch.cat([self.get_submodule(name)(x) for name in step], 1)
        return x


def _one(name: str, num_outputs: int, height: int, width: int | None = None) -> Step:
    return ((name, num_outputs, (height, width or height)),)


def _block_a(num_inputs: int, num_pooled: int) -> Mixed:
    """Figure 5: two 3x3 convolutions see what one of 5x5 does."""
    return Mixed(
        num_inputs,
        [
            [_one("branch1x1", 64, 1)],
            [_one("branch5x5_1", 48, 1), _one("branch5x5_2", 64, 5)],
            [_one(f"branch3x3dbl_{k}", w, s) for k, w, s in ((1, 64, 1), (2, 96, 3), (3, 96, 3))],
            [_one("branch_pool", num_pooled, 1)],
        ],
    )


def _block_b(num_inputs: int) -> Mixed:
    """Figure 10: from 35x35 to 17x17."""
    deep = ((1, 64, 1), (2, 96, 3), (3, 96, 3))
    return Mixed(
        num_inputs,
        [
            [_one("branch3x3", 384, 3)],
            [_one(f"branch3x3dbl_{k}", w, s) for k, w, s in deep],
            [],
        ],
        halves=True,
    )


def _block_c(width: int) -> Mixed:
    """Figure 6: 7x7 as a row and a column, in blocks of 768 maps."""
    return Mixed(
        768,
        [
            [_one("branch1x1", 192, 1)],
            [
                _one("branch7x7_1", width, 1),
                _one("branch7x7_2", width, 1, 7),
                _one("branch7x7_3", 192, 7, 1),
            ],
            [
                _one("branch7x7dbl_1", width, 1),
                _one("branch7x7dbl_2", width, 7, 1),
                _one("branch7x7dbl_3", width, 1, 7),
                _one("branch7x7dbl_4", width, 7, 1),
                _one("branch7x7dbl_5", 192, 1, 7),
            ],
            [_one("branch_pool", 192, 1)],
        ],
    )


def _block_d() -> Mixed:
    """From 17x17 to 8x8."""
    return Mixed(
        768,
        [
            [_one("branch3x3_1", 192, 1), _one("branch3x3_2", 320, 3)],
            [
                _one("branch7x7x3_1", 192, 1),
                _one("branch7x7x3_2", 192, 1, 7),
                _one("branch7x7x3_3", 192, 7, 1),
                _one("branch7x7x3_4", 192, 3),
            ],
            [],
        ],
        halves=True,
    )


def _block_e(num_inputs: int) -> Mixed:
    """Figure 7: a row and a column side by side."""

    def crossed(name: str) -> Step:
        return _one(f"{name}a", 384, 1, 3) + _one(f"{name}b", 384, 3, 1)

    return Mixed(
        num_inputs,
        [
            [_one("branch1x1", 320, 1)],
            [_one("branch3x3_1", 384, 1), crossed("branch3x3_2")],
            [
                _one("branch3x3dbl_1", 448, 1),
                _one("branch3x3dbl_2", 384, 3),
                crossed("branch3x3dbl_3"),
            ],
            [_one("branch_pool", 192, 1)],
        ],
    )


class Inception(nn.Module):
    """From images to 2,048 features."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, (3, 3), 2, padded=False)
        self.Conv2d_2a_3x3 = Convolution(32, 32, (3, 3), 1, padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, (3, 3), 1, padded=True)
        self.Conv2d_3b_1x1 = Convolution(64, 80, (1, 1), 1, padded=False)
        self.Conv2d_4a_3x3 = Convolution(80, 192, (3, 3), 1, padded=False)
        self.Mixed_5b = _block_a(192, 32)
        self.Mixed_5c = _block_a(256, 64)
        self.Mixed_5d = _block_a(288, 64)
        self.Mixed_6a = _block_b(288)
        self.Mixed_6b = _block_c(128)
        self.Mixed_6c = _block_c(160)
        self.Mixed_6d = _block_c(160)
        self.Mixed_6e = _block_c(192)
        self.Mixed_7a = _block_d()
        self.Mixed_7b = _block_e(1280)
        self.Mixed_7c = _block_e(2048)

    def forward(self, pixels: Tensor) -> Tensor:
        """Read images (b, 1, h, w), 0 to 255, as features (b, 2048)."""
        images = F.interpolate(pixels.float() / 127.5 - 1, (SIDE, SIDE), mode="bilinear")
        x = images.expand(-1, 3, -1, -1)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, 2)))
        x = F.max_pool2d(x, 3, 2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        features: Tensor = x.mean((2, 3))
        return features
