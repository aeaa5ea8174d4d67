"""Measures of how similar two images are, and the search for nearest neighbours by one of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from release.cancellation import check_cancelled
from release.data import Pixels, Splits
from release.similarity.knn import Neighbours, Places, Vectors, top_k

IMAGES_AT_ONCE = 128  # between two checks whether to stop

Chosen = NDArray[np.bool_] | NDArray[np.integer] | slice
Patients = tuple[NDArray[np.int64], NDArray[np.int64]]


class EmbeddingUnfair(ValueError):
    """An embedding has learned from the splits in a way that favours one of them."""


@dataclass(frozen=True)
class LearnedFrom:
    """The images that an embedding has learned from, by split; none of the dataset's by default.

    The gate asks whether synthetic images lie nearer to training images than to holdout images. An
    embedding that has itself learned from the training images alone places the two differently,
    whatever the model did: every p-value would be void. So it learns from both alike, or from
    neither.

    Attributes:
        num_train: Training images.
        num_holdout: Holdout images.
        num_test: Test images.
        splits: Fingerprint of the splits meant; empty where no image of theirs was seen.
    """

    num_train: int = 0
    num_holdout: int = 0
    num_test: int = 0
    splits: str = ""

    def check(self, splits: Splits, name: str = "embedding") -> None:
        """Refuse an embedding that treats the splits differently.

        Args:
            splits: About to be compared.
            name: Names the embedding in the message.

        Raises:
            EmbeddingUnfair: It has learned from test images, from a part of the training or holdout
                images, or from other splits.
        """
        ours = (self.num_train, self.num_holdout, self.num_test)
        if ours == (0, 0, 0):
            return
        expected = (len(splits.train), len(splits.holdout), 0)
        if ours != expected or self.splits != splits.fingerprint:
            raise EmbeddingUnfair(
                f"{name} has learned from {ours[0]} training, {ours[1]} holdout and {ours[2]} test "
                f"images of splits {self.splits[:12]!r}; expected none, or all {expected[0]}, all "
                f"{expected[1]} and 0 of {splits.fingerprint[:12]!r}. "
                "Train it on both alike, or on other images."
            )


class Pairs(NamedTuple):
    """Images whose distance is asked for, in the order of the queries.

    Attributes:
        queries: (p,), places of the queries, ascending.
        others: (p,), places of the images that they are compared with.
    """

    queries: Places
    others: Places


@dataclass(frozen=True, eq=False)
class Embedded:
    """Images in the form that one metric compares them in.

    Attributes:
        vectors: (n, d), one row per image.
    """

    vectors: Vectors

    def __len__(self) -> int:
        return len(self.vectors)

    def where(self, chosen: Chosen) -> Embedded:
        """Keep some of the images, by mask, by index or by slice."""
        return Embedded(self.vectors[chosen])


class Metric(ABC):
    """How similar two images are, by one embedding.

    Neighbours are found in two steps: all images are compared by a similarity that is quick to
    compute, and the distance is found for the most similar ones alone.

    Attributes:
        name: Such as "pixels".
        digest: SHA-256 over the version of the method and its weights, in hexadecimal. Equal
            digests give equal distances: results are cached under it.
        learned_from: The images it has learned from: training and holdout alike, or neither.
        num_candidates: For how many images, at least, the distance is found; 1 where the most
            similar image is the nearest.
    """

    name: str
    digest: str
    learned_from: LearnedFrom
    num_candidates: int = 1

    def embed(self, pixels: Pixels) -> Embedded:
        """Bring images, (n, size, size), into the form that they are compared in."""
        parts = []
        for start in range(0, max(len(pixels), 1), IMAGES_AT_ONCE):
            check_cancelled()
            # a copy, since generated images lie in a file that is mapped for reading alone
            parts.append(self._embed(np.array(pixels[start : start + IMAGES_AT_ONCE])))
        return Embedded(np.concatenate(parts))

    @abstractmethod
    def _embed(self, pixels: Pixels) -> Vectors:
        """Embed a batch of images, (n, size, size): (n, d)."""

    @abstractmethod
    def similarity(self, queries: Embedded, among: Embedded) -> Vectors:
        """Compare all with all, (q, n): the higher, the more similar."""

    @abstractmethod
    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Find the distances of some pairs, (p,)."""

    def nearest(
        self, queries: Embedded, among: Embedded, k: int, *, patients: Patients | None = None
    ) -> Neighbours:
        """Find the k images of `among` that are nearest to each query.

        Args:
            queries: Images to find neighbours of.
            among: Images to find them in.
            k: How many; at least 1.
            patients: Of the queries and of `among`; images of equal patients are no neighbours.
        """
        if k < 1:
            raise ValueError(f"{k} neighbours were asked for: expected at least 1.")
        parts = []
        for start in range(0, max(len(queries), 1), IMAGES_AT_ONCE):
            check_cancelled()
            some = slice(start, start + IMAGES_AT_ONCE)
            own = None if patients is None else (patients[0][some], patients[1])
            parts.append(self._nearest(queries.where(some), among, k, own))
        distances, indices = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Neighbours(distances, indices)

    def _nearest(
        self, queries: Embedded, among: Embedded, k: int, patients: Patients | None
    ) -> Neighbours:
        similarity = self.similarity(queries, among)
        if patients is not None:
            similarity[patients[0][:, None] == patients[1]] = -np.inf
        indices = top_k(similarity, max(k, self.num_candidates))
        listed = indices >= 0
        distances = np.full(indices.shape, np.inf, np.float32)
        distances[listed] = self.distances(
            queries, among, Pairs(np.nonzero(listed)[0], indices[listed])
        )
        return Neighbours.ordered(distances, indices, k)


class CorrelationMetric(Metric):
    """A metric whose distance is 1 - the inner product of two unit vectors.

    Attributes:
        device: Where all are compared with all.
    """

    device = torch.device("cpu")

    def similarity(self, queries: Embedded, among: Embedded) -> Vectors:
        """Correlate all with all."""
        ours, theirs = (torch.from_numpy(each.vectors).to(self.device) for each in (queries, among))
        found: Vectors = (ours @ theirs.T).cpu().numpy()
        return found

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        """Take each pair's correlation off 1."""
        ours, theirs = queries.vectors[pairs.queries], among.vectors[pairs.others]
        # rounding takes the correlation of equal images a little past 1
        found: Vectors = np.clip(1 - np.einsum("pd,pd->p", ours, theirs), 0, 2)
        return found
