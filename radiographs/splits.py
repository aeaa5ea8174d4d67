"""Which fold each film is in: drawn under a secret key from content alone, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiographs.folds import Fold
from radiographs.keyed_hash import keyed_hash

UTILITY_SHARE = 0.15
AUDIT_SHARE = 0.30  # of what is left
# A group is passed over while smaller ones can do: it may not overshoot a class by more.
_OVERSHOOT_SHARE = 0.02

Counts = NDArray[np.int64]


def draw_folds(
    labels: NDArray[np.int64], groups: NDArray[np.int64], digests: Sequence[str], key: bytes
) -> NDArray[np.int8]:
    """Draw the fold of every film.

    Of every class 15 % are for the utility test; of the rest 30 % are the audit pool, where one
    fair coin per group decides whether the group is trained on. The coins are independent, so
    about half of the pool is held out, not exactly half. There is one exception: where all coins
    of a class fell for training, its first group is held out nonetheless. That befalls a class
    of n groups in the pool with probability 2^-n, so the probability of any event, and a p-value
    with it, differs from fair coins' by at most the sum of 2^-n over the classes.

    Args:
        labels: Class of each film, from 0.
        groups: Group of each film, numbered from 0; a group stays in one fold.
        digests: Hash of each film's pixels. What is drawn for a group depends on these and on
            the key, not on the numbers of classes and groups or on the order of the films.
        key: Secret: whoever has it and a film can find the film's fold.

    Returns:
        (n,), values of `Fold`. A class whose groups allow no such split has fewer films than its
        share in the utility fold, or none in the audit folds.
    """
    num_groups, num_classes = int(groups.max()) + 1, int(labels.max()) + 1
    counts = np.zeros((num_groups, num_classes), dtype=np.int64)
    np.add.at(counts, (groups, labels), 1)
    contents = _contents(groups, digests)
    order = sorted(range(num_groups), key=lambda group: keyed_hash(key, "order", contents[group]))

    utility = _chosen(counts, order, UTILITY_SHARE)
    rest = np.where(utility[:, None], 0, counts)
    audit = _chosen(rest, order, AUDIT_SHARE)
    heads = np.array([keyed_hash(key, "coin", content)[0] & 1 for content in contents], np.bool_)
    audited = audit & ~heads
    for present in (counts > 0).T:
        pool = [group for group in order if audit[group] and present[group]]
        if pool and not audited[pool].any():
            audited[pool[0]] = True

    folds = np.full(num_groups, Fold.REMAINDER, dtype=np.int8)
    folds[utility] = Fold.UTILITY
    folds[audit] = Fold.AUDIT_IN
    folds[audited] = Fold.AUDIT_OUT
    return folds[groups]


def _contents(groups: NDArray[np.int64], digests: Sequence[str]) -> list[str]:
    """Describe each group by its films' digests, in sorted order."""
    members: list[list[str]] = [[] for _ in range(int(groups.max()) + 1)]
    for group, digest in zip(groups.tolist(), digests, strict=True):
        members[group].append(digest)
    return ["\n".join(sorted(theirs)) for theirs in members]


def _chosen(counts: Counts, order: Sequence[int], share: float) -> NDArray[np.bool_]:
    """Choose groups until every class has its share of films, a little more where groups demand it.

    Groups are walked in the order given, and one is chosen when a class of its films still needs
    some. A second walk, smallest groups first, serves classes that only large groups can serve,
    and never takes more than half of a class.

    Args:
        counts: (groups, classes), films of each.
        order: Of the groups.
        share: Of each class.

    Returns:
        (groups,), True for the chosen.
    """
    total = counts.sum(axis=0)
    needed = np.ceil(share * total).astype(np.int64)
    allowed = needed + np.ceil(_OVERSHOOT_SHARE * total).astype(np.int64)
    sizes = counts.sum(axis=1)
    by_size = sorted(order, key=lambda group: int(sizes[group]))  # stable: ties as drawn
    chosen = np.zeros(len(counts), dtype=np.bool_)
    held = np.zeros_like(total)
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
