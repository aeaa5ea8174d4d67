"""How well images were classified, and how much better than by another classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.evaluation.real_images import LabelledSet, Labels
from release.stats.bootstrap import patient_replicates
from release.stats.estimate import Estimate
from release.stats.intervals import mean

Array = NDArray[np.float64]
# from predictions (n,), labels (n,) and how often each image counts, (replicates, n)
Score = Callable[[Labels, Labels, Array], Array]


def balanced_accuracy(predictions: Labels, labels: Labels, counts: Array) -> Array:
    """Mean over the classes of the share of their images classified correctly, (replicates,)."""
    recalls = [
        (counts[:, labels == label] @ (predictions[labels == label] == label))
        / counts[:, labels == label].sum(1)
        for label in np.unique(labels)
    ]
    average: Array = np.mean(recalls, 0)
    return average


def f1_of(label: int) -> Score:
    """Make the score F1 = 2 TP / (2 TP + FP + FN) of one class; 0 without any TP."""
    return partial(_f1, label)


def _f1(label: int, predictions: Labels, labels: Labels, counts: Array) -> Array:
    called, true = predictions == label, labels == label
    right = counts @ (called & true)
    score: Array = 2 * right / np.maximum(counts @ called + counts @ true, 1e-12)
    return score


@dataclass(frozen=True)
class Comparison:
    """A mean difference of scores over the seeds, and the two things it hangs on.

    Attributes:
        over_seeds: Student's interval of the paired differences: the chance of training anew.
        over_images: The percentile bootstrap, the held-out images' groups drawn anew: the chance of
            which images were held out.
    """

    over_seeds: Estimate
    over_images: Estimate


def score_each(predictions: Sequence[Labels], held_out: LabelledSet, score: Score) -> list[float]:
    """Score the predictions of each seed."""
    once = np.ones((1, len(held_out)))
    return [float(score(each, held_out.labels, once)[0]) for each in predictions]


def compare(
    ours: Sequence[Labels],
    theirs: Sequence[Labels],
    held_out: LabelledSet,
    score: Score,
    rng: np.random.Generator,
) -> Comparison:
    """Subtract the scores of two ways to train, seed by seed.

    Args:
        ours: Predictions for the held-out images, (n,) for each seed.
        theirs: Likewise, with the same seeds in the same order.
        held_out: The images to classify.
        score: What is compared.
        rng: Draws the bootstrap's replicates.
    """
    pairs = zip(score_each(ours, held_out, score), score_each(theirs, held_out, score), strict=True)
    over_seeds = mean([our - their for our, their in pairs])
    counts = patient_replicates(held_out.labels, held_out.groups, rng)
    differences = [
        score(our, held_out.labels, counts) - score(their, held_out.labels, counts)
        for our, their in zip(ours, theirs, strict=True)
    ]
    low, high = np.quantile(np.mean(differences, 0), [0.025, 0.975])
    return Comparison(over_seeds, Estimate(over_seeds.value, float(low), float(high)))
