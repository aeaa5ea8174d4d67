"""Which films are held out: chosen by content alone, group by group."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

HELD_OUT_SHARE = 0.15
# A group is passed over while smaller ones can do: it may not overshoot a class by more.
_OVERSHOOT_SHARE = 0.02


def held_out_films(
    labels: NDArray[np.int64], groups: NDArray[np.int64], fingerprint: str
) -> NDArray[np.bool_]:
    """Choose the held-out films: 15 % of every class, a little more where groups demand it.

    Groups are walked in an order drawn from the fingerprint, and one is held out when a class
    of its films still needs some. A second walk, smallest groups first, serves classes that
    only large groups can serve, and never takes more than half of a class.

    Args:
        labels: Class of each film, from 0.
        groups: Group of each film, numbered from 0; a group stays on one side.
        fingerprint: Seed of the order.

    Returns:
        True for held-out films. A class whose groups allow no such split has fewer than 15 %.
    """
    num_groups, num_classes = int(groups.max()) + 1, int(labels.max()) + 1
    counts = np.zeros((num_groups, num_classes), dtype=np.int64)
    np.add.at(counts, (groups, labels), 1)
    total = counts.sum(axis=0)
    needed = np.ceil(HELD_OUT_SHARE * total).astype(np.int64)
    allowed = needed + np.ceil(_OVERSHOOT_SHARE * total).astype(np.int64)

    order = sorted(range(num_groups), key=lambda group: _draw(fingerprint, group))
    by_size = sorted(order, key=lambda group: int(counts[group].sum()))  # stable: ties as drawn
    chosen = np.zeros(num_groups, dtype=np.bool_)
    held_out = np.zeros(num_classes, dtype=np.int64)
    for walk, most in ((order, allowed), (by_size, np.maximum(allowed, total // 2))):
        for group in walk:
            present = counts[group] > 0
            useful = (present & (held_out < needed)).any()
            after = held_out + counts[group]
            if useful and not chosen[group] and (after <= most)[present].all():
                chosen[group] = True
                held_out = after
    return chosen[groups]


def _draw(fingerprint: str, group: int) -> bytes:
    return hashlib.sha256(f"{fingerprint}/{group}".encode()).digest()
