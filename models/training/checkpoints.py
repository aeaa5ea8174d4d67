"""Checkpoints that resume a training: safetensors and JSON, complete or absent."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from models.training.memorisation_check import Comparison
from models.training.plan import Plan, StagePlan, StageSchedule, StageTiming

KEPT = 2
FIRST_SECONDS = 1.0  # until the first checkpoint of an attempt


@dataclass(frozen=True)
class Position:
    """Where a training stands.

    Attributes:
        stage: Index of the stage under way, or the number of stages when all are done.
        update: Updates done in that stage.
        plan: What each stage does; empty until the trial has been made.
        schedule: How the fraction of the stage under way follows from its updates.
        expected_seconds: How long the whole training was to take before it began.
        first_loss: The loss of the stage under way after its first update; None before.
        images_seen: Over all stages.
        elapsed_seconds: Time spent so far, over all attempts.
        precision: The number format the losses are computed in, such as "bfloat16".
        comparison: What the checks for memorisation have found so far.
    """

    stage: int
    update: int
    plan: Plan
    schedule: StageSchedule
    expected_seconds: float | None
    first_loss: float | None
    images_seen: int
    elapsed_seconds: float
    precision: str
    comparison: Comparison = field(default_factory=Comparison)

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Position:
        """Read what `asdict` wrote.

        Raises:
            KeyError, TypeError: A field is missing or unknown.
        """
        plan = tuple(
            StagePlan(**{**stage, "timing": StageTiming(**stage["timing"])})
            for stage in fields["plan"]
        )
        read = {"plan": plan, "schedule": StageSchedule(**fields["schedule"])}
        if "comparison" in fields:
            read["comparison"] = Comparison.of(fields["comparison"])
        return cls(**{**fields, **read})

    def with_planned(self, index: int, planned: StagePlan) -> Position:
        """Return the same with another plan of one stage."""
        return replace(self, plan=(*self.plan[:index], planned, *self.plan[index + 1 :]))


class Checkpoints:
    """The checkpoints of one training, in one folder.

    A checkpoint is a pair of files, written beside its name, flushed to disk and renamed; the
    JSON comes last and carries the other's digest, so what a crash leaves is never taken for one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, position: Position, tensors: Mapping[str, Tensor]) -> None:
        """Write a checkpoint and drop all but the newest two.

        Raises:
            OSError: The disk is full or cannot be written; earlier checkpoints stand.
        """
        name = f"{position.stage:02}-{position.update:09}"
        contiguous = {key: tensor.detach().contiguous() for key, tensor in tensors.items()}
        weights = self._folder / f"{name}.safetensors"
        final = weights.with_suffix(".json")
        temporary = weights.with_suffix(f".{os.getpid()}.tmp")
        try:
            save_file(contiguous, temporary)
            digest = file_digest(temporary)
            _settle(temporary, weights)
            description = {**asdict(position), "sha256": digest}
            temporary.write_text(json.dumps(description), encoding="utf-8")
            _settle(temporary, final)
        finally:
            temporary.unlink(missing_ok=True)
            if not final.exists():
                weights.unlink(missing_ok=True)
        earlier = [each for each in self._newest_first() if each != final]
        for outdated in earlier[KEPT - 1 :]:
            outdated.unlink(missing_ok=True)
            outdated.with_suffix(".safetensors").unlink(missing_ok=True)

    def newest(self) -> tuple[Position, dict[str, Tensor]] | None:
        """Read the newest checkpoint that is whole, or None."""
        for description in self._newest_first():
            weights = description.with_suffix(".safetensors")
            try:
                fields = json.loads(description.read_text(encoding="utf-8"))
                if file_digest(weights) != fields.pop("sha256"):
                    continue
                return Position.of(fields), load_file(weights)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError):
                continue
        return None

    def _newest_first(self) -> list[Path]:
        return sorted(self._folder.glob("*-*.json"), reverse=True)


def seconds_between(age_seconds: float, interval_seconds: float) -> float:
    """Return how long to work until the next checkpoint: as long as before, up to the interval.

    So whoever is interrupted again and again still gets on, and long work rarely stops to write.

    Args:
        age_seconds: From the beginning of the attempt to its last checkpoint; 0 before the first.
        interval_seconds: The longest time.
    """
    return min(interval_seconds, max(FIRST_SECONDS, age_seconds))


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _settle(temporary: Path, final: Path) -> None:
    """Flush a file to disk and give it its name, for good."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(final)
    folder = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
