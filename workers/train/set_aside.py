"""Training patients that a training leaves out, to find out whether it memorises the others.

They are none of the audit pool, so the audit and the gate compare with the same holdout as ever.
The gate examines them as if they had been trained on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiographs.splits.split import Split

SHARE = 0.1  # of each class's patients outside the audit pool
MIN_SET_ASIDE = 20  # patients, or nobody is: they could show nothing
MEMBERS_FOR_EACH = 2  # as many of each class are held against those set aside
_SEED = 0

Flags = NDArray[np.bool_]
Places = NDArray[np.intp]


def set_aside(
    labels: NDArray[np.int64], groups: NDArray[np.int64], splits: NDArray[np.int8]
) -> Flags:
    """Choose patients of each class, all images of each.

    Args:
        labels: Classes of the images that models may be trained on, (n,).
        groups: Their patients, (n,).
        splits: Their splits, (n,).

    Returns:
        (n,), True for images that are not trained on; all False where there would be too few.
    """
    first = _one_each(groups, np.asarray(splits == Split.TRAIN))
    chosen: list[int] = []
    for label in np.unique(labels):
        of_class = first[labels[first] == label]
        chosen += groups[of_class[: int(SHARE * len(of_class))]].tolist()
    aside = np.isin(groups, chosen)
    classes_left = len(np.unique(labels[~aside])) == len(np.unique(labels))
    enough = len(chosen) >= MIN_SET_ASIDE and classes_left
    return aside if enough else np.zeros(len(labels), np.bool_)


def compared(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    splits: NDArray[np.int8],
    aside: Flags,
) -> tuple[Places, Places]:
    """Choose one image of each patient set aside, and of members of the same classes.

    Members are of outside the audit pool too: what is decided by them has no part in the audit.

    Args:
        labels: As in `set_aside`.
        groups: Likewise.
        splits: Likewise.
        aside: What that returned.

    Returns:
        The places of members, and those of patients set aside.
    """
    others, members = _one_each(groups, aside), _one_each(groups, ~aside & (splits == Split.TRAIN))
    of_each = np.bincount(labels[others], minlength=int(labels.max()) + 1)
    kept = [
        members[labels[members] == label][: MEMBERS_FOR_EACH * num]
        for label, num in enumerate(of_each)
    ]
    return np.concatenate(kept), others


def _one_each(groups: NDArray[np.int64], among: Flags) -> Places:
    """Return the place of one image of each patient, the patients in a drawn order."""
    places = np.flatnonzero(among)
    first = places[np.unique(groups[places], return_index=True)[1]]
    return np.random.default_rng(_SEED).permutation(first)
