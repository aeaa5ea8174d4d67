"""Which fold each image is in: drawn under a secret key from what it shows, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiographs.splits.keyed_hash import keyed_hash
from radiographs.splits.split import Fold

UTILITY_SHARE = 0.15
AUDIT_SHARE = 0.30  # of what is left
# A group is passed over while smaller ones can do: it may not overshoot a class by more.
_OVERSHOOT_SHARE = 0.02

Counts = NDArray[np.int64]


def draw_folds(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    looks: Sequence[str],
    key: bytes,
    known: NDArray[np.int8] | None = None,
) -> NDArray[np.int8]:
    """Draw the fold of every image whose patient was never split.

    Of every class 15 % are for the utility test; of the rest 30 % are the audit pool, where one
    fair coin per group decides whether the group is trained on. The coins are independent, so
    about half of the pool is held out, not exactly half. There is one exception: where all coins
    of a class fell for training, its first group is held out nonetheless. That befalls a class
    of n groups in the pool with probability 2^-n, so the probability of any event, and a p-value
    with it, differs from fair coins' by at most the sum of 2^-n over the classes.

    What is drawn for a group depends on the key and on one of its images, the first under a
    keyed hash: neither on the order, number and labels of images, nor on the images that come or
    go beside that one.

    Args:
        labels: Class of each image, from 0.
        groups: Group of each image, numbered from 0; a group stays in one fold.
        looks: Hash of what each image shows.
        key: Secret: whoever has it and an image can find the image's fold.
        known: Fold that each image has from an earlier dataset, or -1; the same in a group. Such
            folds stay, and count towards the shares. None: all are new.

    Returns:
        (n,), values of `Fold`. A class whose groups allow no such split has fewer images than
        its share in the utility fold, or none in the audit folds.
    """
    num_groups, num_classes = int(groups.max()) + 1, int(labels.max()) + 1
    counts = np.zeros((num_groups, num_classes), dtype=np.int64)
    np.add.at(counts, (groups, labels), 1)
    folds = np.full(num_groups, -1, dtype=np.int8)
    if known is not None:
        folds[groups] = known
    new = folds < 0
    look_of = _representatives(groups, looks, key)
    order = sorted(
        np.flatnonzero(new).tolist(), key=lambda group: keyed_hash(key, "order", look_of[group])
    )

    utility = _chosen(counts, order, UTILITY_SHARE, folds == Fold.UTILITY)
    rest = np.where(utility[:, None], 0, counts)
    in_pool = np.isin(folds, (Fold.AUDIT_IN, Fold.AUDIT_OUT))
    audit = _chosen(rest, [group for group in order if not utility[group]], AUDIT_SHARE, in_pool)
    heads = np.array([keyed_hash(key, "coin", look)[0] & 1 for look in look_of], np.bool_)
    audited = np.where(new, audit & ~heads, folds == Fold.AUDIT_OUT)
    for present in (counts > 0).T:
        pool = [group for group in order if audit[group] and present[group]]
        if pool and not (audited & present).any():
            audited[pool[0]] = True

    drawn = np.full(num_groups, Fold.REMAINDER, dtype=np.int8)
    drawn[utility] = Fold.UTILITY
    drawn[audit] = Fold.AUDIT_IN
    drawn[audited] = Fold.AUDIT_OUT
    folds[new] = drawn[new]
    return folds[groups]


def _representatives(groups: NDArray[np.int64], looks: Sequence[str], key: bytes) -> list[str]:
    """Return the look that stands for each group: the first under a keyed hash of its own.

    Groups are ordered by another hash, or those of many images would come first.
    """
    members: list[list[tuple[bytes, str]]] = [[] for _ in range(int(groups.max()) + 1)]
    for group, look in zip(groups.tolist(), looks, strict=True):
        members[group].append((keyed_hash(key, "first", look), look))
    return [min(theirs)[1] for theirs in members]


def _chosen(
    counts: Counts, order: Sequence[int], share: float, already: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Choose groups until every class has its share of images, or a little more by whole groups.

    Groups are walked in the order given, and one is chosen when a class of its images still needs
    some. A second walk, smallest groups first, serves classes that only large groups can serve,
    and never takes more than half of a class.

    Args:
        counts: (groups, classes), images of each.
        order: Of the groups that may be chosen.
        share: Of each class.
        already: (groups,), True for those that were chosen earlier.

    Returns:
        (groups,), True for these and for the chosen.
    """
    total = counts.sum(axis=0)
    needed = np.ceil(share * total).astype(np.int64)
    allowed = needed + np.ceil(_OVERSHOOT_SHARE * total).astype(np.int64)
    sizes = counts.sum(axis=1)
    by_size = sorted(order, key=lambda group: int(sizes[group]))  # stable: ties as drawn
    chosen = already.copy()
    held = counts[already].sum(axis=0)
    for walk, most in ((order, allowed), (by_size, np.maximum(allowed, total // 2))):
        for group in walk:
            if (held >= needed).all():
                break
            present = counts[group] > 0
            useful = (present & (held < needed)).any()
            after = held + counts[group]
            if useful and not chosen[group] and (after <= most)[present].all():
                chosen[group] = True
                held = after
    return chosen
