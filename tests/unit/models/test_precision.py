import pytest
import torch

from models.precision import fastest_dtype, fastest_matmul_dtype, reproducible_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("native", "fastest", "reproducible"),
    [
        ({}, torch.float32, torch.float32),
        ({"avx512_bf16": True}, torch.bfloat16, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": True}, torch.bfloat16, torch.float32),
    ],
)
def test_what_is_drawn_does_not_go_through_sums_that_threads_part(
    monkeypatch, native, fastest, reproducible
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: native)
    assert fastest_dtype(CPU) == fastest
    assert reproducible_dtype(CPU) == reproducible


@pytest.mark.parametrize(
    ("native", "fastest"),
    [
        ({}, torch.float32),
        ({"avx512_bf16": True}, torch.float32),
        ({"avx512_bf16": True, "amx_bf16": True}, torch.bfloat16),
    ],
)
def test_matrices_are_multiplied_in_bfloat16_where_that_is_faster(monkeypatch, native, fastest):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: native)
    assert fastest_matmul_dtype(CPU) == fastest
