"""Our families, through the harness that the peers go through.

    python -m benchmarks.peers.ours FAMILY --films ...    as `benchmarks.peers.contestant` says

A family trains by its standard preset for the budget, anew for each mark, since its schedules are
fitted to what it is given, and draws by its default sampler; where the family offers one by the
name of "fast", by that too.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from pydantic import ValidationError
from torch import nn

from benchmarks.peers.contestant import (
    Contestant,
    Films,
    Labels,
    Pixels,
    Stopwatch,
    compete,
)
from models import films as training_films
from models.config import Circumstances, FamilySampler
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import FAMILIES, sampler_class
from models.sampling import sample_pixels
from models.seeding import image_seed
from models.snapshot import new_model, save_snapshot
from models.training.budget import Budget
from models.training.loop import Training

PRESET = "standard"
DEFAULT = "default"
FAST = "fast"


class OurFamily(Contestant):
    """One of our families, by its standard preset."""

    def __init__(self, films: Films, seed: int, device: torch.device) -> None:
        super().__init__(films, seed, device)
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
        films = self.films
        seconds = until - stopwatch.seconds
        given = Circumstances(films.size, len(films.labels), budget_seconds=seconds)
        config = resolve_config(self.name, PRESET, {}, given)
        spec = ImageSpec(films.size, films.num_classes)
        self.model = new_model(self.name, config.model_dump(), spec, self.seed).to(self.device)
        known = training_films.Films(films.pixels, films.labels, self.device)
        training = Training(self.model, known, Budget(seconds=seconds), seed=self.seed)
        for progress in training.run():
            self.images_seen = progress.images_seen

    def keep(self, folder: Path) -> None:
        """Save the snapshot, as the service does."""
        folder.mkdir(exist_ok=True)
        save_snapshot(folder, self.name, self.films.classes, self.model)

    def sample(self, labels: Labels, sampler: str) -> Pixels:
        """Draw as the service does."""
        seeds = [image_seed(self.seed, index) for index in range(len(labels))]
        chosen = sampler_named(self.name, sampler)
        return np.concatenate(list(sample_pixels(self.model, labels.tolist(), seeds, chosen)))


def sampler_named(family: str, name: str) -> FamilySampler:
    """Choose the default sampler of a family, or one by its name.

    Raises:
        pydantic.ValidationError: The family has no sampler of this name.
    """
    fields = {} if name == DEFAULT else {"name": name}
    return sampler_class(family).model_validate(fields)


def samplers_of(family: str) -> tuple[str, ...]:
    """List the samplers to compare."""
    try:
        sampler_named(family, FAST)
    except ValidationError:
        return (DEFAULT,)
    return (DEFAULT, FAST)


def contestant(family: str) -> type[Contestant]:
    """Enter a family under its own name."""
    return type(family, (OurFamily,), {"name": family, "samplers": samplers_of(family)})


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in FAMILIES:
        compete(contestant(sys.argv[1]), sys.argv[2:])
    else:
        raise SystemExit(f"Name a family first: one of {', '.join(FAMILIES)}.")
