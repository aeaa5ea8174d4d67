"""Exact mathematics is tested in float32 on every processor, so it need not be tested on each."""

import pytest
import torch

from models.precision import fastest_dtype, fastest_matmul_dtype, reproducible_dtype

CPU = torch.device("cpu")


def chosen() -> set[torch.dtype]:
    return {choose(CPU) for choose in (fastest_dtype, fastest_matmul_dtype, reproducible_dtype)}


@pytest.fixture(scope="module")
def chosen_for_all_tests() -> set[torch.dtype]:
    return chosen()


def test_both_a_test_and_what_it_shares_compute_in_float32(
    chosen_for_all_tests: set[torch.dtype],
) -> None:
    assert chosen_for_all_tests == chosen() == {torch.float32}
