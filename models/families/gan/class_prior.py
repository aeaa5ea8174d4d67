"""The class prior: draws first drafts of images of a class, for the generator to finish.

A draft holds the leading principal components of an image: blurred, but as varied as the images
are. The generator begins there, so that it neither spends its time on learning what a chest is nor
collapses to a few images.

Drafts are drawn by a flow from noise to components: that of a Gaussian for each class, and a small
network's correction. Everything is fitted to slightly changed images. Statistics of the images as
they are memorise them: a density attack on means and covariances of clusters of 40 images
distinguished every training image from every other one, and even 192 principal components of 4,612
images distinguish them with an AUC of 0.69. The network is conditioned on the change of each image
(Karras et al. 2022, appendix F.2, arXiv:2206.00364), so that its samples are unchanged, and stops
early. The audit of the weights scores each part.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

import torch
from torch import Tensor, nn

from models.diffusion.paths import PATHS, Level, along_path, beside, logit_normal_times
from models.diffusion.predictions import PREDICTIONS
from models.diffusion.samplers import SamplingTrajectory, heun
from models.families.gan.band_lengths import bands, join_busyness, split_busyness
from models.families.gan.class_gaussians import ClassGaussians
from models.families.gan.jittered_components import JitteredComponents
from models.families.gan.latent_flow import LatentFlow
from models.nn.blocks import of_classes
from models.nn.jitter import NUM_CHANGES, changed, draw_changes
from models.optimiser import EagerAdamW
from models.precision import autocast, fastest_matmul_dtype
from models.schedules import warmup_cosine
from models.seeding import ImageNoise, RandomState, seed_update
from models.training_images import TrainingImages

SEED = 0
NUM_BLOCKS = 3
BATCH_SIZE = 1024
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.01
BETAS = (0.9, 0.999)
WARM_UP = 0.07
AVERAGED = 100  # updates that the average of the weights reaches back
MAX_PASSES = 600  # over the images; after more, the flow knows them too well
MIN_UPDATES = 300
LEAST_UPDATES = 20  # also where the time is over
REACH = 2.0  # of the changes, in units of those that leave an image about as likely
NUM_CHANGED = 75_000  # changed images to learn from, and at most so many of one:
MAX_CHANGED = 64
NUM_STEPS = 4
IMAGES_PER_UPDATE = 1400  # changed images that are read in the time of an update, on one core
IMAGES_PER_READING = 256
LISTENING_TIMES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
NUM_LISTENING = 4  # draws of noise at each
STRAIGHT, VELOCITY = PATHS["straight"], PREDICTIONS["velocity"]


class ClassPrior(nn.Module):
    """From noise and a class to latents, and from latents to a draft and back.

    Latents are principal components with mean 0 and variance 1 over the training images. The flow
    draws them with their lengths apart, see `band_lengths`. Until `fit` has run it draws noise.

    Args:
        size: Side of the square images.
        num_classes: Number of classes.
        num_latents: How many components.
        width: Of the flow's layers.
        num_updates: For how many the flow learns, at most: less from a small set.
        guidance: How far to draw away from what all classes have in common; 0 not at all.
        seconds: Of updates, at most: where they prove slow, the schedule of the learning rate ends
            with the time. None is no limit.

    Reference: Lipman et al. 2023 (arXiv:2210.02747).
    """

    fitted: Tensor

    def __init__(
        self,
        size: int,
        num_classes: int,
        num_latents: int,
        width: int,
        num_updates: int,
        guidance: float,
        seconds: float | None = None,
    ) -> None:
        super().__init__()
        self._guidance = guidance
        self._num_updates = num_updates
        self._seconds = seconds
        self.components = JitteredComponents(size, num_latents)
        self._num_latents = num_latents
        self._num_classes = num_classes
        self.noise_size = num_latents + len(bands(num_latents))
        self.gaussians = ClassGaussians(self.noise_size, num_classes)
        self.flow = LatentFlow(self.noise_size, num_classes, width, NUM_BLOCKS, NUM_CHANGES)
        self.register_buffer("fitted", torch.tensor(False))

    def draw(self, classes: Tensor, noise: Tensor) -> Tensor:
        """Follow the flow from noise to latents, (b, num_latents).

        Args:
            classes: Labels, (b,), or mixtures, (b, num_classes).
            noise: Standard normal, (b, noise_size).
        """

        def denoise(x: Tensor, level: Level) -> Tensor:
            return VELOCITY.denoised(self._guided(x, level, mixtures), x, level)

        mixtures = of_classes(torch.eye(self._num_classes, device=noise.device), classes)
        levels = STRAIGHT.levels(NUM_STEPS)
        with torch.no_grad(), torch.autocast(noise.device.type, enabled=False):
            vectors = heun(
                SamplingTrajectory(denoise, levels, lambda: torch.zeros_like(noise)), noise
            )
        return join_busyness(vectors, self._num_latents)

    def encode(self, images: Tensor) -> Tensor:
        """Read the latents, (b, num_latents), that (b, 1, h, w) images have a draft at."""
        return self.components.encode(images)

    def decode(self, latents: Tensor) -> Tensor:
        """Turn latents, (b, num_latents), into drafts, (b, 1, h, w)."""
        return self.components.decode(latents)

    def membership_score(self, images: Tensor, labels: Tensor) -> Tensor:
        """Measure how little the flow errs about images, the same noise for each of them: (b,)."""
        vectors = split_busyness(self.encode(images))
        noise = ImageNoise([0], vectors.device)

        def errors(time: float) -> Tensor:
            times = torch.full((len(vectors),), time, device=vectors.device)
            return self._errors(vectors, noise.normal(vectors.shape[1]), times, labels)

        places = [time for time in LISTENING_TIMES for _ in range(NUM_LISTENING)]
        with torch.autocast(vectors.device.type, enabled=False):
            return -torch.stack([errors(time) for time in places]).mean(0)

    def log_density(self, images: Tensor, labels: Tensor) -> Tensor:
        """Score images, (b, 1, h, w), under the Gaussians of their classes: (b,)."""
        return self.gaussians.log_density(split_busyness(self.encode(images)), labels)

    def fit(self, images: TrainingImages) -> Iterator[float]:
        """Let the flow learn from the images, once; yields the fraction done."""
        if self.fitted:
            return
        random_state = RandomState(images.device)
        seed_update(SEED)
        num_updates = self._num_updates_for(len(images))
        num_copies = max(1, min(MAX_CHANGED, NUM_CHANGED // len(images)))
        num_read = 2 * num_copies * len(images)  # once for the components, once for the vectors
        share = num_read / (num_read + IMAGES_PER_UPDATE * num_updates)  # of the time of a fit
        for fraction in self.components.fit(images):
            yield 0.5 * share * fraction
        vectors, changes = yield from self._changed_vectors(images, num_copies, share)
        optimiser = EagerAdamW(
            self.flow.parameters(), LEARNING_RATE, BETAS, weight_decay=WEIGHT_DECAY
        )
        averages = [weight.detach().clone() for weight in self.flow.parameters()]
        began, number, fraction = time.monotonic(), 0, 0.0
        while fraction < 1:
            seed_update(SEED, number)
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * warmup_cosine(fraction, WARM_UP)
            self._update(optimiser, vectors, changes, images)
            for average, weight in zip(averages, self.flow.parameters(), strict=True):
                average.lerp_(weight.detach(), max(1 / (number + 1), 1 / AVERAGED))
            number += 1
            fraction = number / num_updates
            if self._seconds is not None:
                of_time = (time.monotonic() - began) / self._seconds
                fraction = max(fraction, min(of_time, number / LEAST_UPDATES))
            yield share + (1 - share) * min(1.0, fraction)
        with torch.no_grad():
            for average, weight in zip(averages, self.flow.parameters(), strict=True):
                weight.copy_(average)
        self.fitted.fill_(value=True)
        random_state.restore()

    def _num_updates_for(self, num_images: int) -> int:
        most = max(MIN_UPDATES, MAX_PASSES * num_images // BATCH_SIZE)
        return min(self._num_updates, most)

    @torch.no_grad()
    def _changed_vectors(
        self, images: TrainingImages, copies: int, share: float
    ) -> Generator[float, None, tuple[Tensor, Tensor]]:
        """Read every image, changed in several ways, and fit the Gaussians.

        Args:
            images: The training images.
            copies: In how many ways.
            share: Of the whole fit, when this is done; half of it is done before.

        Returns:
            (copies, n, noise_size), and how each was changed, (copies, n, NUM_CHANGES).
        """
        seed_update(SEED)
        changes = draw_changes(copies * len(images), images.device).view(copies, len(images), -1)
        vectors = torch.empty(copies, len(images), self.noise_size, device=images.device)
        for num_done, (of_copy, read) in enumerate(zip(changes, vectors, strict=True), start=1):
            for indices in images.in_order(IMAGES_PER_READING):
                batch = changed(images.read(indices), of_copy[indices], REACH)
                read[indices] = split_busyness(self.encode(batch))
            yield 0.5 * share * (1 + num_done / copies)
        self.gaussians.fit(vectors, images.labels)
        return vectors, changes

    def _update(
        self,
        optimiser: torch.optim.Optimizer,
        vectors: Tensor,
        changes: Tensor,
        images: TrainingImages,
    ) -> None:
        """Take a step towards the velocities of a batch."""
        indices = images.draw(BATCH_SIZE)
        copies = torch.randint(len(vectors), (BATCH_SIZE,), device=images.device)
        x, labels = vectors[copies, indices], images.labels[indices]
        times = logit_normal_times(BATCH_SIZE, 0.0, 1.0, images.device)
        self.flow.requires_grad_(requires_grad=True)
        with torch.enable_grad(), autocast(images.device, fastest_matmul_dtype(images.device)):
            noise = torch.randn_like(x)
            loss = self._errors(x, noise, times, labels, changes[copies, indices]).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        self.flow.requires_grad_(requires_grad=False)

    def _errors(
        self, x: Tensor, n: Tensor, times: Tensor, labels: Tensor, changes: Tensor | None = None
    ) -> Tensor:
        """Give the mean squared error of each velocity, (b,), where x (b, d) meets noise n."""
        level = STRAIGHT.level(times[:, None])
        velocities = self._velocity(along_path(x, n, level), level, labels, changes)
        return (velocities - VELOCITY.target(x, n, level)).square().mean(1)

    def _guided(self, x: Tensor, level: Level, mixtures: Tensor) -> Tensor:
        """Give the velocity of mixtures, (b, num_classes), away from that of all classes alike.

        Reference: Ho & Salimans 2022, eq. 6 (arXiv:2207.12598).
        """
        alike = torch.full_like(mixtures, 1 / self._num_classes)
        both = self._velocity(x.repeat(2, 1), level, torch.cat([mixtures, alike]))
        own, common = both.chunk(2)
        return own + self._guidance * (own - common)

    def _velocity(
        self, x: Tensor, level: Level, classes: Tensor, changes: Tensor | None = None
    ) -> Tensor:
        """Give the velocity of the class's Gaussian, and what the network adds."""
        times = beside(level.t, x).flatten().expand(len(x))
        correction: Tensor = self.flow(x, times, classes, changes)
        with torch.autocast(x.device.type, enabled=False):
            velocities: Tensor = self.gaussians(x, level, classes)
        return velocities + correction
