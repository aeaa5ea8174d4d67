"""Log-odds of a label are those of the softmax, also where its probability rounds to 1."""

import torch
from torch.nn import functional as F

from models.nn.label_odds import label_log_odds


def test_they_are_those_of_the_probability():
    logits = torch.randn(6, 4, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 3, 0, 1])
    p = logits.softmax(1).gather(1, labels[:, None]).squeeze(1)
    torch.testing.assert_close(label_log_odds(logits, labels), (p / (1 - p)).log())
    cost = F.cross_entropy(logits, labels, reduction="none")
    torch.testing.assert_close(F.softplus(-label_log_odds(logits, labels)), cost)


def test_certainty_is_not_rounded():
    logits = torch.tensor([[40.0, 0.0], [30.0, 0.0]])
    labels = torch.tensor([0, 0])
    assert F.cross_entropy(logits, labels, reduction="none").tolist() == [0.0, 0.0]
    assert label_log_odds(logits, labels).tolist() == [40.0, 30.0]


def test_one_class_costs_nothing():
    odds = label_log_odds(torch.randn(3, 1), torch.zeros(3, dtype=torch.int64))
    assert odds.isfinite().all()
    assert F.softplus(-odds).tolist() == [0.0, 0.0, 0.0]
