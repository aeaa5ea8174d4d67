from __future__ import annotations

import pytest
import torch

from benchmarks.proofs.phantoms import phantoms
from release.data import LabelledImages, Pixels

NUM_REAL = 300


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """As a worker is set; a sum in other lots may differ in its last bit."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real() -> LabelledImages:
    return phantoms(0, NUM_REAL)


@pytest.fixture(scope="session")
def fresh() -> Pixels:
    """Of patients that are not among the real ones."""
    return phantoms(NUM_REAL, 24).pixels
