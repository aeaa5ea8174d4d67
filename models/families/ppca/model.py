"""Probabilistic principal component analysis, with a mean for each class.

Tipping & Bishop 1999 (doi:10.1111/1467-9868.00196): the best model of images that is linear and
Gaussian. It is fitted in closed form and knows the exact likelihood of an image, so that it is the
least that a network has to surpass. The axes are those of all images together; `density` says how
classes share them.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import final

import torch
from torch import Tensor, nn

from models.families.ppca.config import Config, Sampler
from models.families.ppca.density import Points, fit, log_likelihood
from models.families.ppca.readings import axes_and_points, part_of_the_work
from models.families.ppca.selection import held_out, held_out_likelihood
from models.family import Family, FittedPart, ImageSpec, Losses, Stage
from models.nn.blocks import of_classes
from models.nn.pca import IMAGES_PER_READING, overfit
from models.seeding import ImageNoise
from models.training_images import TrainingImages

SHARE_OF_SELECTION = 0.5  # of the time


@final
class ProbabilisticPCA(Family[Config, Sampler]):
    """p(x|y) = N(mu + U a_y, U S U^T + sigma^2 (I - U U^T)), S diagonal.

    Until fitted, images are standard normal noise of every pixel.
    """

    def __init__(self, config: Config, spec: ImageSpec) -> None:
        super().__init__(config, spec)
        num_pixels = spec.size**2
        num_components = min(config.max_components, num_pixels - 1)
        self.center = _fitted(torch.zeros(num_pixels))  # mu
        self.directions = _fitted(torch.zeros(num_pixels, num_components))  # U
        self.class_means = _fitted(torch.zeros(spec.num_classes, num_components))  # a_y
        self.variances = _fitted(torch.ones(num_components))  # S
        self.noise_variance = _fitted(torch.ones(()))  # sigma^2
        self._measured: dict[str, Tensor] = {}

    def stages(self) -> Sequence[Stage]:
        """Fit everything in closed form, whatever the budget."""
        return [
            Stage(
                "components",
                share=1.0,
                batch_size=IMAGES_PER_READING,
                phases=[],
                conclude=self._fit,
                measured=self._last_measured,
            )
        ]

    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: Sampler) -> Tensor:
        """Draw x = mu + U (a + (S - sigma^2)^(1/2) z) + sigma n; a mixes the classes' means."""
        latents = noise.normal(len(self.variances))
        grain = noise.normal(len(self.center))
        scales = (self.variances - self.noise_variance).clamp_min(0).sqrt()
        along = of_classes(self.class_means, mixtures) + sampler.temperature * scales * latents
        flat = self.center + along @ self.directions.T
        flat = flat + sampler.grain * self.noise_variance.sqrt() * grain
        size = self.spec.size
        return flat.view(-1, 1, size, size).clamp(-1, 1)

    def log_likelihood(self, images: Tensor) -> Tensor:
        """Give log p(x | y) of images (b, 1, h, w) for every class, (b, num_classes), in nats.

        Exact, in float64, for grey values that count as real numbers in [-1, 1].
        """
        points = self._points(images)
        return log_likelihood(
            points,
            self.class_means.double(),
            self.variances.double(),
            self.noise_variance.double(),
        )

    def membership_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give log p(x | y), (b,), in nats."""
        return self.log_likelihood(images).gather(1, labels[:, None]).squeeze(1)

    def likelihood_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give log p(x | y) / d, (b,), in nats per pixel."""
        return self.membership_score(images, labels) / len(self.center)

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give E[mu + U a_y + W z | x, y] (Tipping & Bishop 1999, section 3.3)."""
        coordinates = (images.flatten(1) - self.center) @ self.directions
        means = of_classes(self.class_means, labels)
        kept = 1 - self.noise_variance / self.variances
        along = means + kept * (coordinates - means)
        return (self.center + along @ self.directions.T).view_as(images).clamp(-1, 1)

    def fitted_parts(self) -> Sequence[FittedPart]:
        """Ask the components, the classes' means, and what is left."""
        whole: tuple[str, ...] = ("center", "noise_variance")
        parts = [FittedPart("components", ("directions", "variances"), self._overfit)]
        if self.spec.num_classes > 1:
            parts.append(FittedPart("class_means", ("class_means",), self._class_evidence))
        else:
            whole = (*whole, "class_means")
        return [*parts, FittedPart("likelihood", whole, self.membership_score)]

    def _overfit(self, images: Tensor, labels: Tensor) -> Tensor:
        """Score how closely the weak directions follow images; see `models.nn.pca.overfit`."""
        mean = self.center + of_classes(self.class_means, labels) @ self.directions.T
        centred = images.flatten(1) - mean
        return overfit(centred, self.directions, self.variances, self.noise_variance)

    def _class_evidence(self, images: Tensor, labels: Tensor) -> Tensor:
        """Give log p(y | x) were all classes as frequent: high where a mean leans to an image."""
        posterior = self.log_likelihood(images).log_softmax(1)
        return posterior.gather(1, labels[:, None]).squeeze(1)

    def _points(self, images: Tensor) -> Points:
        centred = images.flatten(1).double() - self.center.double()
        coordinates = centred @ self.directions.double()
        return Points(coordinates, centred.square().sum(1), centred.shape[1])

    def _last_measured(self) -> Losses:
        return self._measured

    def _fit(self, images: TrainingImages) -> Iterator[float]:
        """Choose the number of components on some patients, then fit them to all."""
        most = max(1, len(images) // self.config.images_per_component)
        num_components, begin = min(most, self.directions.shape[1]), 0.0
        left_out = held_out(images.groups)
        if num_components > 1 and left_out.any():
            begin = SHARE_OF_SELECTION
            choosing = self._chosen(images, left_out, num_components)
            num_components = yield from part_of_the_work(choosing, 0.0, begin)
        self._measured["num_components"] = torch.tensor(float(num_components))
        yield from part_of_the_work(self._fit_all(images, num_components), begin, 1.0)

    def _chosen(
        self, images: TrainingImages, left_out: Tensor, most: int
    ) -> Generator[float, None, int]:
        """Choose the number of components under which held-out images are most likely."""
        kept = (~left_out).nonzero()[:, 0].to(images.device)
        _, points = yield from axes_and_points(images, kept, most)
        labels, per_number = images.labels.cpu(), self.config.images_per_mean_coordinate
        found = []
        for num_axes in range(1, most + 1):
            leading, num_classes = points.along(num_axes), self.spec.num_classes
            found.append(held_out_likelihood(leading, labels, left_out, num_classes, per_number))
            yield 1.0
        likelihoods = torch.stack(found)
        self._measured["held_out_nats_per_pixel"] = likelihoods.max() / len(self.center)
        return 1 + int(likelihoods.argmax())

    def _fit_all(self, images: TrainingImages, num_components: int) -> Generator[float, None, None]:
        """Take over the axes of all images, and the density along them."""
        everything = torch.arange(len(images), device=images.device)
        axes, points = yield from axes_and_points(images, everything, num_components)
        labels, per_number = images.labels.cpu(), self.config.images_per_mean_coordinate
        fitted = fit(points, labels, self.spec.num_classes, per_number)
        used = slice(0, num_components)
        self.center.copy_(axes.center)
        self.directions.zero_()
        self.directions[:, used] = axes.directions(num_components) @ fitted.rotation.to(axes.basis)
        self.class_means.zero_()
        self.class_means[:, used] = fitted.class_means.to(self.class_means)
        self.noise_variance.copy_(fitted.noise_variance)
        self.variances.copy_(self.noise_variance)
        self.variances[used] = fitted.variances.to(self.variances)
        likelihoods = fitted.log_likelihood(points).gather(1, labels[:, None])
        self._measured["nats_per_pixel"] = likelihoods.mean() / len(self.center)


def _fitted(values: Tensor) -> nn.Parameter:
    """Make a parameter that no gradient moves."""
    return nn.Parameter(values, requires_grad=False)
