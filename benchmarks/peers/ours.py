"""Our families, through the harness that the peers go through.

    python -m benchmarks.peers.ours ENTRY --images ...    as `benchmarks.peers.contestant` says

A family trains by its standard preset for the budget, anew for each mark, since its schedules are
fitted to what it is given, and draws by its default sampler. `ldm_fast` is `ldm` with a part of the
same budget for the student that draws in a few steps.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from benchmarks.peers.contestant import (
    Contestant,
    ContestImages,
    Labels,
    Pixels,
    Stopwatch,
    compete,
)
from models import training_images
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import sampler_class
from models.sampling import sample_pixels
from models.seeding import image_seed
from models.snapshot import new_model, save_snapshot
from models.training.loop import Training
from models.training.plan import Budget

PRESET = "standard"
DEFAULT = "default"
ENTRIES: dict[str, dict[str, Any]] = {
    "vae": {"family": "vae"},
    "gan": {"family": "gan"},
    "ldm": {"family": "ldm"},
    "ldm_fast": {"family": "ldm", "overrides": {"fast_share": 0.2}, "samplers": ("fast",)},
}


class OurFamily(Contestant):
    """One of our families, by its standard preset but for a few fields.

    Attributes:
        family: A registered family.
        overrides: The fields of its config.
    """

    family: ClassVar[str]
    overrides: ClassVar[dict[str, Any]] = {}
    samplers = (DEFAULT,)

    def __init__(self, images: ContestImages, seed: int, device: torch.device) -> None:
        super().__init__(images, seed, device)
        if device.type == "cpu":
            # The budget is in processor time for every contestant; the loop reads this clock.
            threads = torch.get_num_threads()
            time.monotonic = lambda: time.process_time() / threads

    @property
    def networks(self) -> Sequence[nn.Module]:
        """The family's model."""
        return [self.model]

    def train(self, stopwatch: Stopwatch, until: float) -> None:
        """Train once, for what is left until then."""
        images = self.images
        seconds = until - stopwatch.seconds
        kind: Any = self.device.type
        given = Circumstances(images.size, len(images.labels), kind, budget_seconds=seconds)
        config = resolve_config(self.family, PRESET, self.overrides, given)
        spec = ImageSpec(images.size, images.num_classes)
        self.model = new_model(self.family, config.model_dump(), spec, self.seed).to(self.device)
        known = training_images.TrainingImages(images.pixels, images.labels, self.device)
        training = Training(self.model, known, Budget(seconds=seconds), seed=self.seed)
        for progress in training.run():
            self.images_seen = progress.images_seen

    def keep(self, folder: Path) -> None:
        """Save the snapshot, as the service does."""
        folder.mkdir(exist_ok=True)
        save_snapshot(folder, self.family, self.images.classes, self.model)

    def sample(self, labels: Labels, sampler: str) -> Pixels:
        """Draw as the service does."""
        seeds = [image_seed(self.seed, index) for index in range(len(labels))]
        fields = {} if sampler == DEFAULT else {"name": sampler}
        chosen = sampler_class(self.family).model_validate(fields)
        return np.concatenate(list(sample_pixels(self.model, labels.tolist(), seeds, chosen)))


def contestant(name: str) -> type[Contestant]:
    """Enter a family, or a variant of one, under its own name."""
    return type(name, (OurFamily,), {"name": name, **ENTRIES[name]})


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in ENTRIES:
        compete(contestant(sys.argv[1]), sys.argv[2:])
    else:
        raise SystemExit(f"Name an entry first: one of {', '.join(ENTRIES)}.")
