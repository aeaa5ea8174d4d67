"""The ideal denoiser of normal data: what a network need not learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.diffusion.paths import Level, beside
from models.nn.blocks import of_classes
from models.nn.pca import IMAGES_PER_DIRECTION, overfit

SEED = 0
NUM_PASSES = 3
OVERSAMPLING = 16
MIN_VARIANCE = 1e-6
BLOCK = 256  # numbers of an image that one matrix product sums over

# reads all data in order, a batch at a time: images (b, c, h, w) and labels (b,)
Reading = Callable[[], Iterator[tuple[Tensor, Tensor]]]


class GaussianDenoiser(nn.Module):
    """E[x | x_t] for x normal with a mean for each class and one covariance for all.

    The covariance is that of the leading principal components, and one variance for the rest. It
    is what a diffusion model learns first, and right where noise hides everything else. "No class"
    has the mean of all and the same covariance, without what the means lie apart; the network
    corrects that too. Before `fit` the data is taken to be standard normal.

    Args:
        shape: Channels, height and width of the images.
        num_classes: The mean of all classes comes after those of each, as "no class".
        num_components: Principal components kept, at most one for every IMAGES_PER_DIRECTION
            images; less than there are numbers in an image.

    Reference: Wang & Vastola 2024, eqs. 5 and 6 (arXiv:2412.09726).
    """

    means: Tensor
    directions: Tensor
    variances: Tensor
    rest: Tensor

    def __init__(self, shape: tuple[int, int, int], num_classes: int, num_components: int) -> None:
        super().__init__()
        size = shape[0] * shape[1] * shape[2]
        self.register_buffer("means", torch.zeros(num_classes + 1, size))
        self.register_buffer("directions", torch.zeros(size, num_components))
        self.register_buffer("variances", torch.ones(num_components))
        self.register_buffer("rest", torch.ones(()))

    def forward(self, x: Tensor, level: Level, classes: Tensor) -> Tensor:
        """Denoise images (b, c, h, w) of classes, as `of_classes` takes them."""
        alpha, sigma = _columns(level, x)

        def gain(variance: Tensor) -> Tensor:
            return alpha * variance / (alpha**2 * variance + sigma**2)

        return self._map(x, alpha, torch.ones_like(alpha), gain, classes)

    def flow(self, x: Tensor, level: Level, next_level: Level, classes: Tensor) -> Tensor:
        """Follow the probability flow from one level to another, exactly.

        Along each direction x stays as many standard deviations from the mean as it was.

        Reference: Wang & Vastola 2024, eq. 9 (arXiv:2412.09726).
        """
        alpha, sigma = _columns(level, x)
        alpha_next, sigma_next = _columns(next_level, x)

        def gain(variance: Tensor) -> Tensor:
            after, before = alpha_next**2 * variance + sigma_next**2, alpha**2 * variance + sigma**2
            return (after / before).sqrt()

        return self._map(x, alpha, alpha_next, gain, classes)

    def overfit(self, x: Tensor, labels: Tensor) -> Tensor:
        """Score how closely the weak directions follow images; see `overfit`.

        Args:
            x: (b, c, h, w).
            labels: (b,).
        """
        centred = x.flatten(1) - self.means[labels]
        return overfit(centred, self.directions.flip(1), self.variances.flip(0), self.rest)

    def _map(
        self,
        x: Tensor,
        alpha: Tensor,
        alpha_next: Tensor,
        gain: Callable[[Tensor], Tensor],
        classes: Tensor,
    ) -> Tensor:
        """Move the mean, and scale what x is off it by a gain along each direction."""
        with torch.autocast(x.device.type, enabled=False):
            mean = of_classes(self.means, classes)
            offset = x.flatten(1) - alpha * mean
            rest = gain(self.rest)
            within = _along(offset, self.directions) * (gain(self.variances) - rest)
            moved: Tensor = alpha_next * mean + rest * offset + within @ self.directions.T
        return moved.view_as(x)

    @torch.no_grad()
    def fit(self, read: Reading) -> Iterator[None]:
        """Fit the means, then the components by subspace iteration.

        Reference: Halko et al. 2011, algorithm 4.4 (arXiv:0909.4061).
        """
        size, num_components = self.directions.shape
        counts = torch.zeros(len(self.means) - 1, device=self.means.device)
        sums = torch.zeros_like(self.means[:-1])
        for x, labels in read():
            sums.index_add_(0, labels, x.flatten(1))
            counts += torch.bincount(labels, minlength=len(counts))
            yield
        self.means.copy_(torch.cat([sums / counts[:, None], (sums.sum(0) / counts.sum())[None]]))

        rng = torch.Generator().manual_seed(SEED)
        basis = torch.randn(size, min(num_components + OVERSAMPLING, size), generator=rng)
        spread = basis.to(self.means)
        for _ in range(NUM_PASSES):
            basis, _ = torch.linalg.qr(spread)
            spread, total = torch.zeros_like(basis), torch.zeros((), device=basis.device)
            for x, labels in read():
                centred = x.flatten(1) - self.means[labels]
                spread += centred.T @ (centred @ basis) / counts.sum()
                total += centred.square().sum() / counts.sum()
                yield
        within = basis.T @ spread
        eigenvalues, eigenvectors = torch.linalg.eigh((within + within.T) / 2)  # ascending
        kept = max(1, min(num_components, int(counts.sum()) // IMAGES_PER_DIRECTION))
        leading = eigenvalues[-kept:]
        self.rest.copy_(((total - leading.sum()) / (size - kept)).clamp(min=MIN_VARIANCE))
        self.variances.copy_(self.rest)
        self.variances[-kept:] = leading.clamp(min=MIN_VARIANCE)
        self.directions[:, -kept:] = basis @ eigenvectors[:, -kept:]


def _columns(level: Level, x: Tensor) -> tuple[Tensor, Tensor]:
    """Shape alpha and sigma to multiply images that are rows of numbers."""
    return beside(level.alpha, x).reshape(-1, 1), beside(level.sigma, x).reshape(-1, 1)


def _along(rows: Tensor, directions: Tensor) -> Tensor:
    """Multiply (b, n) by (n, k), in blocks of n that are added up in order.

    One product for the whole would be parted among the CPU's threads, and its last bits would
    depend on their number.
    """
    missing = -rows.shape[1] % BLOCK
    blocks = F.pad(rows, (0, missing)).view(len(rows), -1, BLOCK).transpose(0, 1)
    of_blocks = F.pad(directions, (0, 0, 0, missing)).view(-1, BLOCK, directions.shape[1])
    summed: Tensor = torch.bmm(blocks, of_blocks).sum(0)
    return summed
