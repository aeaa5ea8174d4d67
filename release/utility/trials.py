"""Scores of classifiers trained from several seeds, in the images' bootstrap replicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages
from release.stats.bootstrap import NUM_REPLICATES, patient_replicates
from release.stats.intervals import Estimate, mean, percentile
from release.utility.scores import Answers, Score

Array = NDArray[np.float64]


class Panel:
    """The images that every classifier is tested on, and the replicates they all share.

    In each replicate the images' patients are drawn anew, class by class, and so are the seeds.
    That every way of training meets the same draws is what makes their differences paired.

    Args:
        images: U, which no model and no classifier has learned from.
        num_classes: How many classes there are.
        num_seeds: How often each way of training is tried.
        rng: Draws the replicates.
    """

    def __init__(
        self, images: LabelledImages, num_classes: int, num_seeds: int, rng: np.random.Generator
    ) -> None:
        self.images = images
        self.num_classes = num_classes
        self.num_seeds = num_seeds
        drawn = patient_replicates(images.labels, images.patients, rng)
        self._counts = np.vstack([np.ones(len(images)), drawn])
        self._seeds = rng.integers(num_seeds, size=(NUM_REPLICATES, num_seeds))

    def classes(self, among: NDArray[np.bool_] | None = None) -> list[int]:
        """List the classes that can be scored: with images of theirs, and others."""
        labels = self.images.labels if among is None else self.images.labels[among]
        return [k for k in range(self.num_classes) if 0 < (labels == k).sum() < len(labels)]

    def score(
        self,
        trials: Sequence[Array],
        score: Score,
        label: int,
        among: NDArray[np.bool_] | None = None,
    ) -> Array:
        """Score every trial in every replicate, (num_seeds, 1 + R), all images once at first.

        Args:
            trials: The chances (n, num_classes) that the classifier of each seed gives.
            score: What is measured.
            label: The class that is told from the others.
            among: (n,), the images of a subgroup; all when None.
        """
        chosen = slice(None) if among is None else among
        counts, true = self._counts[:, chosen], self.images.labels[chosen] == label
        return np.stack(
            [
                score(
                    Answers(chances[chosen, label], chances[chosen].argmax(1) == label, true),
                    counts,
                )
                for chances in trials
            ]
        )

    def estimate(self, scores: Array) -> Estimate:
        """Estimate the mean over the seeds from scores (num_seeds, 1 + R), or their differences."""
        return percentile(float(scores[:, 0].mean()), self.replicates(scores))

    def replicates(self, scores: Array) -> Array:
        """Average the scores over the seeds that each replicate has drawn, (R,)."""
        columns = np.arange(1, scores.shape[1])[:, None]
        averages: Array = scores[self._seeds, columns].mean(1)
        return averages

    def over_seeds(self, differences: Array) -> Estimate | None:
        """Give Student's interval over the seeds alone; None for a single one."""
        return mean(differences[:, 0]) if self.num_seeds > 1 else None
