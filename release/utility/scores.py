"""How well one class is distinguished from the others, on images that count differently often.

Every score takes what a classifier answers about one class and the counts of R replicates, and
gives the score in each. A replicate without images of the class, or without others, gives NaN where
the score is not defined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from release.data import LabelledImages
from release.stats.bootstrap import NUM_REPLICATES, patient_replicates
from release.stats.estimate import Estimate
from release.stats.intervals import mean, percentile

NUM_BINS = 15

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a classifier says of one class.

    Attributes:
        chances: (n,), how likely each image is to be of the class, in [0, 1].
        called: (n,), whether the class is the likeliest of all.
        true: (n,), whether the image is of the class.
    """

    chances: Array
    called: NDArray[np.bool_]
    true: NDArray[np.bool_]


Score = Callable[[Answers, Array], Array]  # counts (R, n) -> (R,)


def auroc(answers: Answers, counts: Array) -> Array:
    """Compute the chance that an image of the class is ranked above another; ties count half.

    Reference: Hanley and McNeil 1982, Radiology 143(1), 29-36.
    """
    positives, negatives = _ranked(answers, counts)
    above = positives.cumsum(1) - positives / 2
    return _divided((negatives * above).sum(1), positives.sum(1) * negatives.sum(1))


def auprc(answers: Answers, counts: Array) -> Array:
    """Compute average precision: the precision at each threshold, weighed by the recall it adds.

    Reference: Davis and Goadrich 2006, section 2 (without interpolation, which is optimistic).
    """
    positives, negatives = _ranked(answers, counts)
    found = positives.cumsum(1)
    precision = _divided(found, found + negatives.cumsum(1))
    return _divided((positives * np.nan_to_num(precision)).sum(1), positives.sum(1))


def f1(answers: Answers, counts: Array) -> Array:
    """Compute 2 TP / (2 TP + FP + FN); 0 where none is called right."""
    right = counts @ (answers.called & answers.true)
    score: Array = 2 * right / np.maximum(counts @ answers.called + counts @ answers.true, 1e-12)
    return score


def sensitivity(answers: Answers, counts: Array) -> Array:
    """Compute the share of the class's images that are called so."""
    return _divided(counts @ (answers.called & answers.true), counts @ answers.true)


def specificity(answers: Answers, counts: Array) -> Array:
    """Compute the share of the other images that are not called so."""
    return _divided(counts @ ~(answers.called | answers.true), counts @ ~answers.true)


def calibration_error(answers: Answers, counts: Array) -> Array:
    """Compute the mean gap between the chance and the frequency of the class, over 15 equal bins.

    Reference: Kull et al. 2019, equation 3 (class-wise expected calibration error,
    arXiv:1910.12656).
    """
    bins = np.minimum((answers.chances * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    gaps = np.eye(NUM_BINS)[bins] * (answers.chances - answers.true)[:, None]  # (n, bins)
    return _divided(np.abs(counts @ gaps).sum(1), counts.sum(1))


SCORES: dict[str, Score] = {
    "auroc": auroc,
    "auprc": auprc,
    "f1": f1,
    "sensitivity": sensitivity,
    "specificity": specificity,
    "calibration_error": calibration_error,
}


SCORE_TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "f1": "F1",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "calibration_error": "Calibration error",
}


class PairedBootstrap:
    """The images that every classifier is tested on, and the replicates they all share.

    In each replicate the images' patients are drawn anew, class by class, and so are the seeds.
    That every way of training meets the same draws is what makes their differences paired.

    Args:
        images: The test images, which no model and no classifier has learned from.
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
            label: The class that is distinguished from the others.
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


def _ranked(answers: Answers, counts: Array) -> tuple[Array, Array]:
    """Count the images of the class and the others at each chance, from the highest on, (R, u)."""
    order = np.argsort(-answers.chances, kind="stable")
    falling = answers.chances[order]
    starts = np.flatnonzero(np.r_[True, falling[1:] != falling[:-1]])
    ranked, true = counts[:, order], answers.true[order]
    positives: Array = np.add.reduceat(ranked * true, starts, axis=1)
    negatives: Array = np.add.reduceat(ranked * ~true, starts, axis=1)
    return positives, negatives


def _divided(numerator: Array, denominator: Array) -> Array:
    missing = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    quotient: Array = np.divide(numerator, denominator, missing, where=denominator > 0)
    return quotient
