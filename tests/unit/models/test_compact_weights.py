from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.compact_weights import NUM_BITS, load_compact, save_compact


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {
        "weight": torch.randn(48, 16, 3, 3, generator=rng),
        "zero": torch.zeros(64, 32),
        "bias": torch.randn(48, generator=rng),
        "fitted": torch.tensor(True),
    }


def test_weights_come_back_within_half_a_step_of_their_row(
    tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    save_compact(tensors, tmp_path / "compact.safetensors")
    found = load_compact(tmp_path / "compact.safetensors")
    assert found.keys() == tensors.keys()
    step = tensors["weight"].flatten(1).abs().amax(1) / (2 ** (NUM_BITS - 1) - 1)
    error = (found["weight"] - tensors["weight"]).flatten(1).abs().amax(1)
    assert (error <= 0.52 * step).all()
    assert torch.equal(found["zero"], tensors["zero"])
    assert torch.equal(found["fitted"], tensors["fitted"])
    assert torch.allclose(found["bias"], tensors["bias"], rtol=1e-3)


def test_equal_weights_give_equal_bytes_and_few(
    tensors: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    for name in ("one", "two"):
        save_compact(dict(reversed(tensors.items())) if name == "two" else tensors, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    num_values = sum(each.numel() for each in tensors.values())
    assert (tmp_path / "one").stat().st_size < num_values + 1500


def test_a_plain_file_is_read_too(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "plain.safetensors")
    found = load_compact(tmp_path / "plain.safetensors")
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
