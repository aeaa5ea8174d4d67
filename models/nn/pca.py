"""Principal components: of vectors in one reading, and of images in a few."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.training_images import TrainingImages

# A direction for fewer images turns towards them and leaks membership (`overfit`). Of 4,612
# radiographs at 64 px, 192 directions distinguish training images from others with an AUC of 0.69
# and 64 with 0.53; of 440, 64 directions with 0.84.
IMAGES_PER_DIRECTION = 64
MAX_SIDE = 64  # larger images are halved first: the components are smooth
SEED = 0
NUM_PASSES = 5
OVERSAMPLING = 16
IMAGES_PER_READING = 256
MIN_NOISE_VARIANCE = (2 / 255) ** 2 / 12  # that of rounding to 8 bits, in image units
Change = Callable[[Tensor], Tensor]
Readings = Callable[[], Iterator[tuple[Tensor, float]]]


class PrincipalAxes(NamedTuple):
    """Where vectors lie and how they vary, float64.

    Attributes:
        center: (d,), their mean.
        directions: (d, d), an orthonormal column for each axis, the least varied first.
        variances: (d,), along each axis; none is negative.
    """

    center: Tensor
    directions: Tensor
    variances: Tensor


class LeadingAxes(NamedTuple):
    """The most varied axes of long vectors.

    Attributes:
        center: (d,), the vectors' mean.
        basis: (d, m), orthonormal columns that span the axes.
        within: The axes in coordinates of the basis, with their variances.
        total_variance: Of all d coordinates together.
    """

    center: Tensor
    basis: Tensor
    within: PrincipalAxes
    total_variance: Tensor

    def directions(self, num_axes: int) -> Tensor:
        """Return the leading axes as orthonormal columns, (d, num_axes)."""
        return self.basis @ self.within.directions.flip(1)[:, :num_axes].to(self.basis)

    def variances(self, num_axes: int) -> Tensor:
        """Return the variances along them, (num_axes,), float64."""
        return self.within.variances.flip(0)[:num_axes]


class Moments:
    """The sums that mean and covariance are made of, taken up a batch at a time.

    Args:
        size: Length of the vectors.
    """

    def __init__(self, size: int) -> None:
        self._count = 0
        self._total = torch.zeros(size, dtype=torch.float64)
        self._products = torch.zeros(size, size, dtype=torch.float64)

    def add(self, vectors: Tensor) -> None:
        """Take up vectors, (n, d)."""
        vectors = vectors.double()
        self._count += len(vectors)
        self._total += vectors.sum(0).cpu()
        self._products += (vectors.T @ vectors).cpu()

    def axes(self) -> PrincipalAxes:
        """Find the axes: the eigenvectors of E[x x^T] - E[x] E[x]^T."""
        center = self._total / self._count
        covariance = self._products / self._count - center.outer(center)
        variances, directions = torch.linalg.eigh(covariance)
        return PrincipalAxes(center, directions, variances.clamp_min(0))


@torch.no_grad()
def leading_axes(
    read: Readings, num_vectors: int, size: int, num_axes: int
) -> Generator[float, None, LeadingAxes]:
    """Find the most varied axes of vectors that are read a batch at a time, by subspace iteration.

    Args:
        read: Reads all vectors; with each batch, (b, size), the share that has been read.
        num_vectors: How many there are.
        size: Length of each.
        num_axes: How many axes are wanted; a few more are found.

    Yields:
        The fraction done.

    Reference: Halko et al. 2011, algorithm 4.4 (arXiv:0909.4061).
    """
    center = torch.zeros(size)
    for flat, share in read():
        center = center.to(flat.device) + flat.sum(0) / num_vectors
        yield share / (NUM_PASSES + 1)

    rng = torch.Generator().manual_seed(SEED)
    num_searched = min(num_axes + OVERSAMPLING, size)
    basis = torch.randn(size, num_searched, generator=rng).to(center.device)
    for index in range(NUM_PASSES):
        basis, _ = torch.linalg.qr(basis)
        yield (1 + index) / (NUM_PASSES + 1)
        spread = torch.zeros_like(basis)  # C B, for the covariance C
        within = Moments(num_searched)  # whose covariance is B^T C B
        total_variance = torch.zeros(())
        for flat, share in read():
            centred = flat - center
            coordinates = centred @ basis
            spread += centred.T @ coordinates / num_vectors
            within.add(coordinates)
            total_variance += centred.square().sum().cpu() / num_vectors
            yield (1 + index + share) / (NUM_PASSES + 1)
        found = LeadingAxes(center, basis, within.axes(), total_variance)
        basis = spread
    return found


def patches_of(images: Tensor, patch_size: int) -> Tensor:
    """Cut images (b, 1, h, w) into square patches, (b h w / p^2, p^2)."""
    return F.pixel_unshuffle(images, patch_size).movedim(1, -1).flatten(0, 2)


def overfit(centred: Tensor, directions: Tensor, variances: Tensor, rest: Tensor) -> Tensor:
    """Score how much better the weaker half of fitted directions suits vectors than the rest does.

    The directions that vary least turn towards what they were fitted to: it has more along them,
    and less outside of all directions, than other vectors have. Where a direction stands for d
    vectors, the score distinguishes those from others long before their density does.

    Args:
        centred: Vectors less their mean, (n, d).
        directions: (d, k), orthonormal columns, the most varied first; k < d. Zero columns at the
            end were not fitted.
        variances: (k,), along each.
        rest: Mean variance outside of them.

    Returns:
        (n,), in nats: log of the mean squared length along the weaker half, over what it is on
        average, less the same of what lies outside.
    """
    with torch.autocast(centred.device.type, enabled=False):
        along = centred @ directions
        num_fitted = int(directions.square().sum(0).count_nonzero())
        weak = slice(num_fitted // 2, num_fitted)
        ratio = (along[:, weak].square() / variances[weak]).mean(1)
        outside = centred.square().sum(1) - along.square().sum(1)
        left = outside / (centred.shape[1] - num_fitted) / rest
    return ratio.clamp_min(1e-12).log() - left.clamp_min(1e-12).log()


def as_they_are(images: Tensor) -> Tensor:
    """Change nothing."""
    return images


class PrincipalComponents(nn.Module):
    """Images as x = mu + W z + noise, with z standard normal; fitted, not trained.

    A linear variational autoencoder has its optimum here (Lucas et al. 2019, arXiv:1911.02469), so
    that a network added to either side starts from it and learns what a line cannot say. Until
    `fit` has run, latents are standard normal whatever the image, and images grey.

    At most one direction is fitted for every IMAGES_PER_DIRECTION images: the latents beyond those
    say nothing.

    Reference: Tipping & Bishop 1999, section 3 (doi:10.1111/1467-9868.00196).
    """

    fitted: Tensor
    center: Tensor
    directions: Tensor
    variances: Tensor
    noise_variance: Tensor

    def __init__(self, size: int, num_components: int) -> None:
        super().__init__()
        self._size = size
        self._side = min(size, MAX_SIDE)
        num_pixels = self._side**2
        self.register_buffer("fitted", torch.tensor(False))
        self.register_buffer("center", torch.zeros(num_pixels))
        self.register_buffer("directions", torch.zeros(num_pixels, num_components))
        self.register_buffer("variances", torch.ones(num_components))
        self.register_buffer("noise_variance", torch.ones(()))

    @property
    def _scales(self) -> Tensor:
        """(Lambda - sigma^2 I)^(1/2), the lengths of W's columns (eq. 7)."""
        return (self.variances - self.noise_variance).clamp_min(0).sqrt()

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log_variance of z given (b, 1, h, w) images, (b, num_components) each."""
        with torch.autocast(images.device.type, enabled=False):
            centred = self._flatten(images) - self.center
            mean = centred @ self.directions * (self._scales / self.variances)
        log_variance = (self.noise_variance / self.variances).log()
        return mean, log_variance.expand_as(mean)

    def decode(self, latents: Tensor) -> Tensor:
        """Return the expected images, (b, 1, h, w), given (b, num_components) latents."""
        with torch.autocast(latents.device.type, enabled=False):
            flat = self.center + (latents * self._scales) @ self.directions.T
        images: Tensor = flat.view(-1, 1, self._side, self._side)
        if self._side < self._size:
            images = F.interpolate(images, (self._size, self._size), mode="bilinear")
        return images

    def overfit(self, images: Tensor) -> Tensor:
        """Score how closely the weak directions follow (b, 1, h, w) images; see `overfit`."""
        centred = self._flatten(images) - self.center
        return overfit(centred, self.directions, self.variances, self.noise_variance)

    @torch.no_grad()
    def fit(self, images: TrainingImages, changed: Change = as_they_are) -> Iterator[float]:
        """Find the components, once; yields the fraction done.

        Args:
            images: What to fit to.
            changed: Applied whenever images are read. Components of changed images turn less
                towards these very images, and leak less of whom they were fitted to.
        """
        if self.fitted:
            return
        num_pixels, num_components = self.directions.shape

        def read() -> Iterator[tuple[Tensor, float]]:
            return self._readings(images, changed)

        found = yield from leading_axes(read, len(images), num_pixels, num_components)
        self._take(found, max(1, len(images) // IMAGES_PER_DIRECTION))

    def _take(self, found: LeadingAxes, most: int) -> None:
        """Keep the leading axes, and the variance that is left."""
        num_pixels, num_components = self.directions.shape
        kept = min(num_components, most)
        leading = found.variances(kept)
        rest = (found.total_variance - leading.sum()) / (num_pixels - kept)
        self.center.copy_(found.center)
        self.noise_variance.copy_(rest.clamp_min(MIN_NOISE_VARIANCE))
        self.variances.copy_(self.noise_variance)
        self.variances[:kept] = leading.to(self.variances).clamp_min(self.noise_variance)
        self.directions[:, :kept] = found.directions(kept)
        self.fitted.fill_(value=True)

    def _readings(self, images: TrainingImages, changed: Change) -> Iterator[tuple[Tensor, float]]:
        """Read all images in order; with each batch, (b, pixels), the share that has been read."""
        num_read = 0
        for indices in images.in_order(IMAGES_PER_READING):
            num_read += len(indices)
            yield self._flatten(changed(images.read(indices))), num_read / len(images)

    def _flatten(self, images: Tensor) -> Tensor:
        if self._side < self._size:
            images = F.interpolate(images, (self._side, self._side), mode="area")
        return images.flatten(1)
