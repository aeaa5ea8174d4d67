"""Tests of exact mathematics compute in float32, whatever the processor has."""

import pytest
import torch


@pytest.fixture(autouse=True)
def float32(monkeypatch):
    """`models.precision` chooses bfloat16 by the processor's capabilities: here it has none."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
