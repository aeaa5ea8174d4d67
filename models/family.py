"""What a family of generative models promises.

A family trains in *stages*, one after another (an autoencoder, then a denoiser). A stage walks its
*phases* on every batch (a discriminator, then a generator); a phase has a loss and an optimiser of
its own. `models.training.loop` does the walking, so a family is only its mathematics.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from torch import Tensor, nn

from models.config import FamilyConfig, FamilySampler
from models.diagnosis import TrainingFault
from models.privacy.noisy_sums import GaussianMechanism
from models.privacy.patients import Patients
from models.schedules import Schedule, warmup_cosine
from models.seeding import ImageNoise
from models.training_images import TrainingImages

Losses = Mapping[str, Tensor]
ConfigT = TypeVar("ConfigT", bound=FamilyConfig)
SamplerT = TypeVar("SamplerT", bound=FamilySampler)


@dataclass(frozen=True)
class ImageSpec:
    """The images a model is built for.

    Attributes:
        size: Side of the square images, in pixels.
        num_classes: Labels run from 0 to num_classes - 1.
    """

    size: int
    num_classes: int


@dataclass(frozen=True)
class Batch:
    """One batch of training images.

    Attributes:
        images: (b, 1, h, w), in [-1, 1].
        labels: (b,), int64.
        indices: (b,), int64: the images' places in the training set, to look up what was cached.
        fraction: How much of the stage is done, in [0, 1): for warm-ups and annealing.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    fraction: float


@dataclass(frozen=True)
class Phase:
    """One optimiser step with a loss of its own.

    Attributes:
        name: Names the optimiser in checkpoints.
        trained: The modules whose weights this phase moves; all others stand still.
        loss: The terms of the loss by name; the one called "loss" is minimised, all are reported.
        learning_rate: AdamW's step size at the schedule's peak.
        schedule: Multiplies the learning rate, given the fraction of the stage done.
        max_gradient_norm: The gradient's global norm is clipped to this; None leaves it.
        every: Walked on every so many-th batch, beginning with the first.
    """

    name: str
    trained: Sequence[nn.Module]
    loss: Callable[[Batch], Losses]
    learning_rate: float
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.0
    schedule: Schedule = warmup_cosine
    max_gradient_norm: float | None = 1.0
    every: int = 1


Score = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class FittedPart:
    """A part of a trained model, and how to ask it who it was fitted to.

    Attributes:
        name: Names it in audits.
        covers: The beginnings of its parameters' and buffers' names in the model's state.
        score: From images (b, 1, h, w) in [-1, 1] and labels (b,) to (b,): higher for images that
            the part was fitted to, if it remembers them. It repeats, and an image's score does not
            depend on its neighbours.
        unfitted: Why there is nothing to ask, where there is no score: the part has seen no image.
        size: Side of the images that the score takes; None where it is that of the model.
    """

    name: str
    covers: tuple[str, ...]
    score: Score | None = None
    unfitted: str = ""
    size: int | None = None

    def __post_init__(self) -> None:
        if (self.score is None) != bool(self.unfitted):
            raise ValueError(f"{self.name} needs either a score or a reason why it has none.")

    def holds(self, name: str) -> bool:
        """Say whether the parameter or buffer of this name belongs to the part."""
        return any(name == begin or name.startswith(f"{begin}.") for begin in self.covers)


def nothing(images: TrainingImages) -> Iterator[float]:  # noqa: ARG001
    """Prepare or conclude nothing."""
    yield from ()


@dataclass(frozen=True)
class Stage:
    """One part of a training.

    Attributes:
        name: Shown as the job's phase.
        share: Part of the whole budget, in (0, 1]; the shares of a family's stages add up to 1.
        batch_size: Images in a batch.
        phases: Walked in order on every batch. A stage without phases makes no updates, whatever
            the budget: it is fitted in closed form by `conclude`.
        averaged: The modules whose power-function average is kept. They take it on when the stage
            ends and while samples are drawn.
        ema_relative_std: Width of that average relative to the training length, in (0, 0.29).
        prepare: Runs before the first batch, and again after a resume: caches what the phases
            read. Yields the fraction done, at least every half second.
        conclude: Runs once after the last batch, on the averaged weights: fits what is not
            learned by gradient, into buffers. Yields as `prepare` does.
        measured: What a concluded stage reports beside the losses of its phases, by name.
        can_sample: Whether samples drawn in this stage show anything.
    """

    name: str
    share: float
    batch_size: int
    phases: Sequence[Phase]
    averaged: Sequence[nn.Module] = ()
    ema_relative_std: float = 0.1
    prepare: Callable[[TrainingImages], Iterator[float]] = field(default=nothing)
    conclude: Callable[[TrainingImages], Iterator[float]] = field(default=nothing)
    measured: Callable[[], Losses] = dict
    can_sample: bool = True


@dataclass(frozen=True)
class PrivateStage:
    """What noisy gradients of private images move, once the public stages are done.

    Attributes:
        network: Holds what moves; no layer of it lets images of a batch know of each other.
        trained: Its parameters that move.
        losses: From images (b, 1, h, w) and labels (b,) to losses (b * num_draws,), those of an
            image side by side.
        num_draws: Draws of noise over which an image's loss is a mean.
        batch_size: Patients in a batch, on average.
        num_updates: How many batches.
        learning_rate: AdamW's step size.
        ema_relative_std: Width of the average of what moves, as part of the stage.
    """

    network: nn.Module
    trained: Sequence[nn.Parameter]
    losses: Callable[[Tensor, Tensor], Tensor]
    num_draws: int
    batch_size: int
    num_updates: int
    learning_rate: float
    ema_relative_std: float = 0.1

    @property
    def num_values(self) -> int:
        """How many numbers move."""
        return sum(weight.numel() for weight in self.trained)


@dataclass(frozen=True)
class TrainingOutcome:
    """What a family looks at to name what went wrong.

    Attributes:
        images: The training set.
        late_losses: Each term that the last stage reported, averaged over its last fifth.
    """

    images: TrainingImages
    late_losses: Mapping[str, float]


class Family(nn.Module, ABC, Generic[ConfigT, SamplerT]):
    """One generative model of labelled, one-channel images.

    Every weight and every fitted statistic is a parameter or a persistent buffer, so that
    `state_dict` is the whole trained model.

    Attributes:
        refitted: The beginnings of the names in the state of what every training fits anew: a
            training that starts from another model does not take it over.
    """

    refitted: ClassVar[tuple[str, ...]] = ()

    def __init__(self, config: ConfigT, spec: ImageSpec) -> None:
        super().__init__()
        self.config = config
        self.spec = spec

    @abstractmethod
    def stages(self) -> Sequence[Stage]:
        """Lay out the training; called anew on every start and resume."""

    @abstractmethod
    def sample(self, mixtures: Tensor, noise: ImageNoise, sampler: SamplerT) -> Tensor:
        """Draw one image for each mixture of classes.

        Args:
            mixtures: (b, num_classes), float: how much of each class, every row adding up to 1.
                A class by itself is a row of zeros and a one.
            noise: The only source of randomness: image k's draws depend on image k's seed alone.
            sampler: How to draw.

        Returns:
            (b, 1, h, w), in [-1, 1].
        """

    def upscale(self, images: Tensor, noise: ImageNoise) -> Tensor:
        """Enlarge images to the size that the config names as `upscaled_size`.

        Args:
            images: (b, 1, h, w), in [-1, 1].
            noise: The only source of randomness, one seed for each image.

        Returns:
            As many larger images, in [-1, 1].
        """
        raise NotImplementedError(f"{type(self).__name__} cannot enlarge images.")

    @abstractmethod
    def fitted_parts(self) -> Sequence[FittedPart]:
        """Name the parts of the model, each with a score of who it was fitted to.

        Every parameter and buffer belongs to one: a fitted statistic is as much a memory of the
        training images as a network is.
        """

    def learn_privately(
        self,
        public: TrainingImages,
        patients: Patients,
        mechanism: GaussianMechanism,
        clipping: float,
    ) -> Iterator[float]:
        """Learn from private images through a mechanism alone, the training on public ones done.

        Only families whose config names the private method `mixture` can.

        Args:
            public: What the model was trained on.
            patients: Whom it is now to learn from.
            mechanism: The one way in which anything may be learned from them.
            clipping: How far one patient's image can reach; 1 suits public images.

        Yields:
            The fraction done.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot learn through a mechanism.")

    def private_stage(self) -> PrivateStage:
        """Say what noisy gradients of private images are to move, the public stages done.

        Only families whose config names the private method `dp_sgd` can.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot learn by noisy gradients.")

    def augment(self, images: Tensor) -> Tensor | None:  # noqa: ARG002
        """Change images in every way in which the training may change them.

        Args:
            images: (b, 1, h, w), in [-1, 1]. How far each is changed comes from torch's global
                random source.

        Returns:
            As many images; None where the training shows images as they are.
        """
        return None

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor | None:  # noqa: ARG002
        """Give back images as they come out of the model's own representation of them.

        Args:
            images: (b, 1, h, w), in [-1, 1].
            labels: (b,).

        Returns:
            As many images; None where the model has no way from an image into itself.
        """
        return None

    def sdedit(
        self,
        images: Tensor,  # noqa: ARG002
        labels: Tensor,  # noqa: ARG002
        noise: ImageNoise,  # noqa: ARG002
        noise_share: float,  # noqa: ARG002
    ) -> Tensor | None:
        """Take images a part of the way to noise, and draw them anew from there.

        Args:
            images: (b, 1, h, w), in [-1, 1].
            labels: (b,).
            noise: The only source of randomness, one seed for each image.
            noise_share: How far to go, in (0, 1): 0 is the image, 1 nothing but noise.

        Returns:
            As many images; None where the model knows no way between.

        Reference: Meng et al. 2022, algorithm 1 (arXiv:2108.01073).
        """
        return None

    def membership_score(self, images: Tensor, labels: Tensor) -> Tensor | None:  # noqa: ARG002
        """Score how well the model knows images, by its weights alone: a membership score.

        Images of its training that score higher than others do were memorised.

        Args:
            images: (b, 1, h, w), in [-1, 1].
            labels: (b,).

        Returns:
            (b,), higher where the model fits better; None where it has no such score.
        """
        return None

    def likelihood_score(self, images: Tensor, labels: Tensor) -> Tensor | None:  # noqa: ARG002
        """Score how likely images are of classes, as the config's `likelihood_score` names it.

        It repeats, and an image's score does not depend on its neighbours.

        Args:
            images: (b, 1, h, w), in [-1, 1].
            labels: (b,).

        Returns:
            (b,), higher where an image is more likely: a log-likelihood or a bound on it in nats
            per pixel, or a denoising score. None where the model has no such score.
        """
        return None

    def diagnose(self, outcome: TrainingOutcome) -> Iterator[TrainingFault]:  # noqa: ARG002
        """Name what went wrong in a training that has just ended, if anything did."""
        yield from ()
