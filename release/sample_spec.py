"""What an image of a set is sampled from, where it lies and what the manifest says of it.

Only an image of a class carries a label. The others lie in a folder of their own, which no class
can have, so that nobody takes them for images of a class.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from radiographs.reading.labelled_rows import UNLABELLED_FOLDER

_UNSAFE = re.compile(r'[\x00-\x1f<>:"/\\|?*]')

Hashed = Callable[[int], str]  # keyed hash of a seed


@dataclass(frozen=True)
class SampleSpec(ABC):
    """What an image is sampled from.

    Attributes:
        kind: Names it in the manifest.
        has_seed_of_set: Whether its seed is one of the set's; else the request names its seeds, and
            no other image can take its place.
    """

    kind: ClassVar[str]
    has_seed_of_set: ClassVar[bool] = True

    @property
    def class_label(self) -> str | None:
        """The class of the image; None where it is of none."""
        return None

    @property
    def folder(self) -> str:
        """Where the image lies, below `images/` or beside it."""
        return f"{UNLABELLED_FOLDER}/{self.kind}s"

    @property
    @abstractmethod
    def class_weights(self) -> Mapping[str, float]:
        """How much of each class the image shows; adds up to 1."""

    @abstractmethod
    def described(self, hashed: Hashed) -> dict[str, Any]:
        """Return what the manifest says of the image: all but the seeds, which it hashes."""

    @abstractmethod
    def redrawn(self, seeds: Iterator[int]) -> Self:
        """Describe another image of the same kind, from the next of some seeds."""


@dataclass(frozen=True)
class ClassSample(SampleSpec):
    """An image of one class.

    Attributes:
        label: The class asked for.
        seed: The image's own seed.
    """

    kind = "class"
    label: str
    seed: int

    @property
    def class_weights(self) -> Mapping[str, float]:
        """Return the one class."""
        return {self.label: 1.0}

    @property
    def class_label(self) -> str:
        """Return the class."""
        return self.label

    @property
    def folder(self) -> str:
        """Where the images of the class lie."""
        return f"images/{folder_name(self.label)}"

    def described(self, hashed: Hashed) -> dict[str, Any]:
        """Return the label and the hashed seed."""
        return {"kind": self.kind, "label": self.label, "seed_hash": hashed(self.seed)}

    def redrawn(self, seeds: Iterator[int]) -> Self:
        """Take the next seed."""
        return replace(self, seed=next(seeds))


@dataclass(frozen=True)
class MixtureSample(SampleSpec):
    """An image of a mixture of classes.

    Attributes:
        weights: How much of each class; adds up to 1.
        seed: The image's own seed.
    """

    kind = "mixture"
    weights: Mapping[str, float]
    seed: int

    @property
    def class_weights(self) -> Mapping[str, float]:
        """Return the classes of the mixture."""
        return self.weights

    def described(self, hashed: Hashed) -> dict[str, Any]:
        """Return the weights and the hashed seed."""
        return {
            "kind": self.kind,
            "weights": dict(self.weights),
            "seed_hash": hashed(self.seed),
        }

    def redrawn(self, seeds: Iterator[int]) -> Self:
        """Take the next seed."""
        return replace(self, seed=next(seeds))


@dataclass(frozen=True)
class InterpolatedSample(SampleSpec):
    """An image interpolated between two images of the same class or mixture.

    Attributes:
        weights: How much of each class; adds up to 1.
        from_seed: The own seed of the image at position 0.
        to_seed: The own seed of the image at position 1.
        position: In [0, 1].
    """

    kind = "interpolation"
    has_seed_of_set = False
    weights: Mapping[str, float]
    from_seed: int
    to_seed: int
    position: float

    @property
    def class_weights(self) -> Mapping[str, float]:
        """Return the classes of both ends."""
        return self.weights

    def described(self, hashed: Hashed) -> dict[str, Any]:
        """Return the weights, both hashed seeds and the position between them."""
        return {
            "kind": self.kind,
            "weights": dict(self.weights),
            "from_seed_hash": hashed(self.from_seed),
            "to_seed_hash": hashed(self.to_seed),
            "position": self.position,
        }

    def redrawn(self, seeds: Iterator[int]) -> Self:
        """Take the next two seeds: the image at the same position between two others."""
        return replace(self, from_seed=next(seeds), to_seed=next(seeds))


@dataclass(frozen=True)
class Origins:
    """What the images of a set were sampled from.

    Attributes:
        generated: All of them, in all rounds.
        rejected: Those that the gate dropped.
        released: Those in the set.
    """

    generated: Sequence[SampleSpec]
    rejected: Sequence[SampleSpec]
    released: Sequence[SampleSpec]


def folder_name(label: str) -> str:
    """Turn a label into a folder name that every file system takes."""
    name = _UNSAFE.sub("_", label).strip(". ")
    return name or "_"


def count_by_class(origins: Iterable[SampleSpec]) -> tuple[Counter[str], Counter[str]]:
    """Count images of each class, and those of no class by kind."""
    of_class: Counter[str] = Counter()
    of_none: Counter[str] = Counter()
    for origin in origins:
        if origin.class_label is None:
            of_none[origin.kind] += 1
        else:
            of_class[origin.class_label] += 1
    return of_class, of_none
