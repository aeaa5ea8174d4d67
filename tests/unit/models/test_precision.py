import pytest
import torch

from models.precision import fastest_dtype, reproducible_dtype

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
