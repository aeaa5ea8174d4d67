"""What to train, on which images and for how long: the same for every process that takes part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch

from models.family import ImageSpec
from models.privacy.patients import Patients
from models.snapshot import new_model
from models.training.budget import Budget
from models.training.checkpoints import Checkpoints
from models.training.distributed import Team
from models.training.loop import Training
from models.training_images import TrainingImages
from radiographs.store.pixel_store import PixelStore
from workers.runtime.attempt import Attempt
from workers.train.public_images import public_images


@dataclass(frozen=True)
class TrainingSpec:
    """What a process needs to know to train.

    Attributes:
        pixels: The dataset's pixel store.
        checkpoints: Where checkpoints are kept.
        checkpoint_interval_seconds: Least time between two of them.
        image_size: Side of the square training images, in pixels.
        family: A registered family.
        config: Its hyper-parameters.
        budget: In images or in seconds.
        seed: Of the weights and the updates.
        num_devices: Processes that take part, each with a device of its own.
        privacy: The terms of differential privacy; None where nothing was promised. With them
            training sees public images alone, and `patients` are for the mechanism.
    """

    pixels: str
    checkpoints: str
    checkpoint_interval_seconds: float
    image_size: int
    family: str
    config: dict[str, Any]
    budget: Mapping[str, int]
    seed: int
    num_devices: int
    privacy: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Read what a train job asks for."""
        request = attempt.job.request
        dataset = attempt.records.dataset(request["dataset_id"])
        assert dataset.artifact is not None, "only a ready dataset is accepted for training"
        return cls(
            pixels=str(attempt.artifacts.path(dataset.artifact.key)),
            checkpoints=str(attempt.artifacts.path(f"checkpoints/{attempt.job.id}")),
            checkpoint_interval_seconds=attempt.settings.checkpoint_interval_seconds,
            image_size=request["image_size"],
            family=request["family"],
            config=request["config"],
            budget=request["budget"],
            seed=request["seed"],
            num_devices=request.get("num_devices", 1),
            privacy=request.get("privacy", {}).get("differential_privacy"),
        )

    @classmethod
    def of_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Write it for another process."""
        return json.dumps(asdict(self))

    @cached_property
    def store(self) -> PixelStore:
        """The dataset's images, labels, patients and splits."""
        return PixelStore.open(Path(self.pixels))

    def images(self, device: torch.device) -> TrainingImages:
        """Put what a training sees on the device: private images, or public ones in their place."""
        if self.privacy:
            return public_images(self.image_size, len(self.store.classes), device)
        return TrainingImages(*self.store.training(self.image_size), device)

    def patients(self, device: torch.device) -> Patients:
        """Read one image of each patient that models may be trained on."""
        groups = self.store.groups[self.store.trained]
        return Patients(*self.store.training(self.image_size), groups, device)

    def training(self, device: torch.device, team: Team) -> Training:
        """Put the images on the device, and an untrained model beside them."""
        spec = ImageSpec(self.image_size, len(self.store.classes))
        images = self.images(device)
        return Training(
            new_model(self.family, self.config, spec, self.seed).to(device),
            images,
            Budget(**self.budget),
            seed=self.seed,
            team=team,
            checkpoints=Checkpoints(Path(self.checkpoints)),
            checkpoint_interval_seconds=self.checkpoint_interval_seconds,
        )
