"""What to train, on which images and for how long: the same for every process that takes part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import TypeAdapter

from models.family import ImageSpec
from models.larger_images import LargerImages
from models.memory_layout import laid_out
from models.privacy.patients import Patients
from models.registry import config_class
from models.snapshot import new_model
from models.threads import Threads
from models.training.checkpoints import Checkpoints
from models.training.distributed import ProcessGroup
from models.training.loop import Training
from models.training.memorisation_check import MemorisationCheck
from models.training.plan import Budget
from models.training_images import TrainingImages, as_images
from radiographs.store.pixel_store import PixelStore
from service.domain.errors import ArtifactMissing
from service.domain.requests import PrivacyTerms, TrainRequest
from workers.runtime.attempt import Attempt
from workers.train.initial_model import InitialModel
from workers.train.public_images import public_images, published_images
from workers.train.set_aside import compared, set_aside


@dataclass(frozen=True)
class TrainingSpec:
    """What a process needs to know to train.

    Attributes:
        pixels: The dataset's pixel store.
        checkpoints: Where checkpoints are kept.
        checkpoint_interval_seconds: Least time between two of them.
        request: What the job asks for. With differential privacy training sees public images
            alone, and `patients` are for the mechanism.
        initial: What it starts from; None where the weights begin at random.
    """

    pixels: str
    checkpoints: str
    checkpoint_interval_seconds: float
    request: TrainRequest
    initial: InitialModel | None = None

    @classmethod
    def of(cls, attempt: Attempt, request: TrainRequest) -> Self:
        """Find what a train job works with.

        Raises:
            ArtifactMissing: The files of the dataset, or of the model to start from, are gone.
            ModelNotFound: That model was deleted.
        """
        dataset = attempt.records.catalog.dataset(request.dataset_id)
        assert dataset.artifact is not None, "only a ready dataset is accepted for training"
        if not attempt.artifacts.exists(dataset.artifact.key):
            raise ArtifactMissing.named(dataset.id)
        return cls(
            pixels=str(attempt.artifacts.path(dataset.artifact.key)),
            checkpoints=str(attempt.checkpoints.path),
            checkpoint_interval_seconds=attempt.settings.checkpoint_interval_seconds,
            request=request,
            initial=InitialModel.of(attempt, request),
        )

    @classmethod
    def of_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return TypeAdapter(cls).validate_json(text)

    def to_json(self) -> str:
        """Write it for another process."""
        return TypeAdapter(type(self)).dump_json(self).decode()

    @property
    def privacy(self) -> PrivacyTerms | None:
        """The terms of differential privacy; None where nothing is promised."""
        return self.request.privacy_terms

    @cached_property
    def store(self) -> PixelStore:
        """The dataset's images, labels, patients and splits."""
        return PixelStore.open(Path(self.pixels))

    def images(self, device: torch.device) -> TrainingImages:
        """Put what a training sees on the device: private images, or public ones in their place.

        Public ones are those of the model that it starts from, or else phantoms.
        """
        size, classes = self.request.image_size, self.store.classes
        if self.privacy and self.initial and self.initial.public_pixels:
            published = PixelStore.open(Path(self.initial.public_pixels))
            return published_images(published, size, classes, device)
        if self.privacy:
            return public_images(size, len(classes), device)
        pixels, labels = self.store.training(size)
        groups, kept = self.store.groups[self.store.trained], ~self.set_aside
        larger = self._larger_images(device)
        return TrainingImages(pixels[kept], labels[kept], device, groups[kept], larger)

    def _larger_images(self, device: torch.device) -> LargerImages | None:
        """Leave the images at a larger size where they are, for a stage that enlarges."""
        config = config_class(self.request.family).model_validate(dict(self.request.config))
        size = config.upscaled_size(self.request.image_size)
        if size is None:
            return None
        learned = np.flatnonzero(self.store.trained)[~self.set_aside]
        return LargerImages(self.store.pixels, learned, size, device)

    @cached_property
    def set_aside(self) -> NDArray[np.bool_]:
        """Whose images, of those that models may be trained on, only check for memorisation.

        None, (n,) of False, where nothing ends the training before its budget.
        """
        trained, labels = self.store.trained, self.store.labels
        if self.privacy or self.request.budget.memorisation_images is None:
            return np.zeros(int(trained.sum()), np.bool_)
        return set_aside(labels[trained], self.store.groups[trained], self.store.splits[trained])

    def memorisation_check(self, device: torch.device) -> MemorisationCheck | None:
        """Prepare to hold trained patients against those set aside; None where none are."""
        trained, aside = self.store.trained, self.set_aside
        if not aside.any():
            return None
        pixels, labels = self.store.training(self.request.image_size)
        groups, splits = self.store.groups[trained], self.store.splits[trained]
        members, others = compared(labels, groups, splits, aside)
        some = np.concatenate([members, others])
        return MemorisationCheck(
            as_images(pixels[some], device), torch.from_numpy(labels[some]).to(device), len(members)
        )

    def patients(self, device: torch.device) -> Patients:
        """Read one image of each patient that models may be trained on."""
        groups = self.store.groups[self.store.trained]
        return Patients(*self.store.training(self.request.image_size), groups, device)

    def training(
        self,
        device: torch.device,
        process_group: ProcessGroup,
        threads: Threads | None = None,
    ) -> Training:
        """Put the images on the device, and an untrained model beside them.

        Args:
            device: What this process computes on.
            process_group: Those that train together.
            threads: Of operations on the CPU; None leaves torch's own number.
        """
        request, budget = self.request, self.request.budget
        spec = ImageSpec(request.image_size, len(self.store.classes))
        images = self.images(device)
        model = new_model(request.family, dict(request.config), spec, request.seed)
        if self.initial:
            self.initial.begin(model, self.store.classes)
        return Training(
            laid_out(model, device),
            images,
            Budget(
                budget.images,
                budget.seconds,
                budget.memorisation_images,
                budget.earlier_images or 0,
            ),
            seed=request.seed,
            process_group=process_group,
            checkpoints=Checkpoints(Path(self.checkpoints)),
            checkpoint_interval_seconds=self.checkpoint_interval_seconds,
            memorisation_check=self.memorisation_check(device),
            threads=threads,
        )
