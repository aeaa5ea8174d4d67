"""How sure a classifier is of a label, in a number that never rounds to certainty."""

from __future__ import annotations

import torch
from torch import Tensor

_NO_OTHER = -1e9  # the logit of the other classes where there are none


def label_log_odds(logits: Tensor, labels: Tensor) -> Tensor:
    """Return log(p / (1 - p)) of each label's probability p under softmax, (b,).

    -log p is softplus of its negative. Where p is so near to 1 that log p rounds to 0, it still
    distinguishes two images, as a membership score has to (Carlini et al. 2022, arXiv:2112.03570).

    Args:
        logits: (b, K).
        labels: (b,), in 0 to K - 1.
    """
    place = labels[:, None]
    own = logits.gather(1, place).squeeze(1)
    return own - torch.logsumexp(logits.scatter(1, place, _NO_OTHER), 1)
