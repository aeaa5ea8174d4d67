"""Tests of exact mathematics compute in float32, whatever the processor has."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True, scope="module")
def float32() -> Iterator[None]:
    """`models.precision` chooses bfloat16 by the processor's capabilities: here it has none.

    Of a module, so that what its tests share is computed in float32 too.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch.cpu, "get_capabilities", dict)
        yield
