"""First drafts of images, for the generator to finish.

A draft holds the lowest frequencies of an image, as coefficients of cosines: blurred, but as varied
as the images are. The generator begins there, so that it neither spends its time on learning what a
chest is nor collapses to a few images.

Drafts are drawn by a small flow from noise to coefficients, which learns by gradients from images
that are slightly changed, and stops early. Statistics that are fitted in closed form remember whom
they were fitted to: a density attack on means and covariances of clusters of 40 images told every
training image from every other one, and even 192 principal components of 4,612 images tell them
with an AUC of 0.69. Cosines are fitted to nobody, and the flow knows little of any one image; the
audit of the weights asks it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from models.diffusion.descent import Descent
from models.diffusion.heun import heun
from models.diffusion.paths import PATHS, Level, along_path
from models.diffusion.predictions import PREDICTIONS
from models.diffusion.training_times import logit_normal
from models.families.gan.busyness import bands, put_together, told_apart
from models.families.gan.class_gaussians import ClassGaussians
from models.films import Films
from models.nn.jitter import jittered
from models.nn.jittered_components import JitteredComponents
from models.nn.latent_flow import LatentFlow
from models.schedules import warmup_cosine
from models.seeding import ImageNoise, RandomState, seed_update

SEED = 0
NUM_BLOCKS = 3
BATCH_SIZE = 256
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.01
BETAS = (0.9, 0.999)
WARM_UP = 0.07
AVERAGED = 100  # updates that the average of the weights reaches back
MAX_PASSES = 60  # over the images; after more, the flow knows them too well
MIN_UPDATES = 300
NUM_CHANGED = 75_000  # changed images to learn from, and at most so many of one:
MAX_CHANGED = 64
NUM_STEPS = 8
COMPONENTS_SHARE = 0.2  # of the time of a fit
IMAGES_PER_READING = 256
LISTENING_TIMES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
NUM_LISTENING = 4  # draws of noise at each
STRAIGHT, VELOCITY = PATHS["straight"], PREDICTIONS["velocity"]


class ClassPrior(nn.Module):
    """From noise and a class to latents, and from latents to a draft and back.

    Latents are coefficients of cosines with mean 0 and variance 1 over the training images. Until
    `fit` has run they are standard normal, and drafts are noise.

    Args:
        size: Side of the square images.
        num_classes: Number of classes.
        num_latents: How many coefficients.
        width: Of the flow's layers.
        num_updates: For how many the flow learns, at most: less from a small set.

    Reference: Lipman et al. 2023 (arXiv:2210.02747).
    """

    fitted: Tensor

    def __init__(
        self, size: int, num_classes: int, num_latents: int, width: int, num_updates: int
    ) -> None:
        super().__init__()
        self._num_updates = num_updates
        self.components = JitteredComponents(size, num_latents)
        self._num_latents = num_latents
        self.noise_size = num_latents + len(bands(num_latents))
        self.gaussians = ClassGaussians(self.noise_size, num_classes)
        self.flow = LatentFlow(self.noise_size, num_classes, width, NUM_BLOCKS)
        self.register_buffer("fitted", torch.tensor(False))

    def draw(self, classes: Tensor, noise: Tensor) -> Tensor:
        """Follow the flow from noise to latents, (b, num_latents).

        Args:
            classes: Labels, (b,), or mixtures, (b, num_classes).
            noise: Standard normal, (b, noise_size).
        """

        def denoise(x: Tensor, level: Level) -> Tensor:
            return VELOCITY.denoised(self._velocity(x, level, classes), x, level)

        levels = STRAIGHT.levels(NUM_STEPS)
        with torch.no_grad():
            vectors = heun(Descent(denoise, levels, lambda: torch.zeros_like(noise)), noise)
        return put_together(vectors, self._num_latents)

    def encode(self, images: Tensor) -> Tensor:
        """Read the latents, (b, num_latents), that (b, 1, h, w) images have a draft at."""
        return self.components.encode(images)

    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents, (b, num_latents), into drafts, (b, 1, h, w)."""
        return self.components.decode(latents)

    def familiarity(self, images: Tensor, labels: Tensor) -> Tensor:
        """Measure how little the flow errs about images, the same noise for each of them: (b,)."""
        latents = told_apart(self.encode(images))
        noise = ImageNoise([0], latents.device)

        def errors(time: float) -> Tensor:
            times = torch.full((len(latents),), time, device=latents.device)
            return self._errors(latents, noise.normal(latents.shape[1]), times, labels)

        places = [time for time in LISTENING_TIMES for _ in range(NUM_LISTENING)]
        return -torch.stack([errors(time) for time in places]).mean(0)

    def fit(self, films: Films) -> Iterator[float]:
        """Let the flow learn from the images, once; yields the fraction done."""
        if self.fitted:
            return
        random_state = RandomState(films.device)
        seed_update(SEED)
        for fraction in self.components.fit(films):
            yield COMPONENTS_SHARE * fraction
        latents = self._changed_latents(films)
        optimiser = torch.optim.AdamW(
            self.flow.parameters(), LEARNING_RATE, BETAS, weight_decay=WEIGHT_DECAY
        )
        averages = [weight.detach().clone() for weight in self.flow.parameters()]
        num_updates = self._num_updates_for(len(films))
        for number in range(num_updates):
            seed_update(SEED, number)
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * warmup_cosine(number / num_updates, WARM_UP)
            self._update(optimiser, latents, films)
            for average, weight in zip(averages, self.flow.parameters(), strict=True):
                average.lerp_(weight.detach(), max(1 / (number + 1), 1 / AVERAGED))
            yield COMPONENTS_SHARE + (1 - COMPONENTS_SHARE) * (number + 1) / num_updates
        with torch.no_grad():
            for average, weight in zip(averages, self.flow.parameters(), strict=True):
                weight.copy_(average)
        self.fitted.fill_(value=True)
        random_state.restore()

    def _num_updates_for(self, num_images: int) -> int:
        most = max(MIN_UPDATES, MAX_PASSES * num_images // BATCH_SIZE)
        return min(self._num_updates, most)

    @torch.no_grad()
    def _changed_latents(self, films: Films) -> Tensor:
        """Read the latents of every image, changed in several ways, (copies, n, num_latents)."""
        seed_update(SEED)
        copies = max(1, min(MAX_CHANGED, NUM_CHANGED // len(films)))
        read = [
            torch.cat(
                [
                    self.encode(jittered(films.images(indices)))
                    for indices in films.in_order(IMAGES_PER_READING)
                ]
            )
            for _ in range(copies)
        ]
        latents = told_apart(torch.stack(read))
        self.gaussians.fit(latents, films.labels)
        return latents

    def _update(self, optimiser: torch.optim.Optimizer, latents: Tensor, films: Films) -> None:
        """Take a step towards the velocities of a batch."""
        indices = films.draw(BATCH_SIZE)
        x = latents[torch.randint(len(latents), (BATCH_SIZE,), device=films.device), indices]
        times = logit_normal(BATCH_SIZE, 0.0, 1.0, films.device)
        self.flow.requires_grad_(requires_grad=True)
        with torch.enable_grad():
            loss = self._errors(x, torch.randn_like(x), times, films.labels[indices]).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        self.flow.requires_grad_(requires_grad=False)

    def _errors(self, x: Tensor, n: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """Give the mean squared error of each velocity, (b,), where x (b, d) meets noise n."""
        level = STRAIGHT.level(times[:, None])
        velocities = self._velocity(along_path(x, n, level), level, labels)
        return (velocities - VELOCITY.target(x, n, level)).square().mean(1)

    def _velocity(self, x: Tensor, level: Level, classes: Tensor) -> Tensor:
        """Give the velocity of the class's Gaussian, and what the network adds."""
        times = level.t.to(x).flatten().expand(len(x))
        with torch.autocast(x.device.type, enabled=False):
            velocities: Tensor = self.gaussians(x, level, classes)
            return velocities + self.flow(x, times, classes)
