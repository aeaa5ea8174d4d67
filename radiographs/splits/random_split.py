"""Which split each image is in: drawn under a secret key from what it shows, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiographs.splits.keyed_hash import keyed_hash
from radiographs.splits.split import Split

TEST_SHARE = 0.15
AUDIT_POOL_SHARE = 0.30  # of what is left
# A group is passed over while smaller ones can do: it may not overshoot a class by more.
_OVERSHOOT_SHARE = 0.02

Counts = NDArray[np.int64]


def draw_splits(
    labels: NDArray[np.int64],
    groups: NDArray[np.int64],
    content_hashes: Sequence[str],
    key: bytes,
    known: NDArray[np.int8] | None = None,
) -> NDArray[np.int8]:
    """Draw the split of every image whose patient was never split.

    Of every class 15 % go to the test split; of the rest 30 % are the audit pool, where one fair
    bit per group decides whether the group is included in the training. The bits are independent,
    so about half of the pool becomes the holdout, not exactly half. There is one exception: where
    all groups of a class were included, its first group is held out nonetheless. That befalls a
    class of n groups in the pool with probability 2^-n, so the probability of any event, and a
    p-value with it, differs from that under fair bits by at most the sum of 2^-n over the classes.

    What is drawn for a group depends on the key and on one of its images, the first under a
    keyed hash: neither on the order, number and labels of images, nor on the images that come or
    go beside that one.

    Args:
        labels: Class of each image, from 0.
        groups: Group of each image, numbered from 0; a group stays in one split.
        content_hashes: Hash of what each image shows.
        key: Secret: whoever has it and an image can find the image's split.
        known: Split that each image has from an earlier dataset, or -1; the same in a group. Such
            splits stay, and count towards the shares. None: all are new.

    Returns:
        (n,), values of `Split`. A class whose groups allow no such split has fewer images than
        its share in the test split, or none in the audit pool.
    """
    num_groups, num_classes = int(groups.max()) + 1, int(labels.max()) + 1
    counts = np.zeros((num_groups, num_classes), dtype=np.int64)
    np.add.at(counts, (groups, labels), 1)
    splits = np.full(num_groups, -1, dtype=np.int8)
    if known is not None:
        splits[groups] = known
    new = splits < 0
    hash_of = _representatives(groups, content_hashes, key)
    order = sorted(
        np.flatnonzero(new).tolist(), key=lambda group: keyed_hash(key, "order", hash_of[group])
    )

    test = _chosen(counts, order, TEST_SHARE, splits == Split.TEST)
    rest = np.where(test[:, None], 0, counts)
    known_pool = np.isin(splits, (Split.INCLUDED, Split.HOLDOUT))
    pool = _chosen(
        rest, [group for group in order if not test[group]], AUDIT_POOL_SHARE, known_pool
    )
    bits = np.array([keyed_hash(key, "coin", each)[0] & 1 for each in hash_of], np.bool_)
    holdout = np.where(new, pool & ~bits, splits == Split.HOLDOUT)
    for present in (counts > 0).T:
        of_class = [group for group in order if pool[group] and present[group]]
        if of_class and not (holdout & present).any():
            holdout[of_class[0]] = True

    drawn = np.full(num_groups, Split.TRAIN, dtype=np.int8)
    drawn[test] = Split.TEST
    drawn[pool] = Split.INCLUDED
    drawn[holdout] = Split.HOLDOUT
    splits[new] = drawn[new]
    return splits[groups]


def _representatives(
    groups: NDArray[np.int64], content_hashes: Sequence[str], key: bytes
) -> list[str]:
    """Return the hash that stands for each group: the first under a keyed hash of its own.

    Groups are ordered by another hash, or those of many images would come first.
    """
    members: list[list[tuple[bytes, str]]] = [[] for _ in range(int(groups.max()) + 1)]
    for group, each in zip(groups.tolist(), content_hashes, strict=True):
        members[group].append((keyed_hash(key, "first", each), each))
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
