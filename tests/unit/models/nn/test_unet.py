import pytest
import torch
from torch import Tensor, nn

from models.nn.blocks import (
    AdaptiveGroupNorm,
    ConditionalResidualBlock,
    ResidualBlock,
    SelfAttention,
    sinusoidal_embedding,
)
from models.nn.unet import UNet


def unet(size: int = 8, channels: tuple[int, ...] = (8, 16), num_blocks: int = 2) -> UNet:
    return UNet(
        image_channels=3,
        size=size,
        channels=channels,
        num_blocks=num_blocks,
        max_attention_size=4,
        num_classes=3,
        dropout=0.0,
    )


def woken(module: nn.Module) -> nn.Module:
    """Move the weights away from their zero starts."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module


def call(model: nn.Module, x: Tensor, time: float, label: int) -> Tensor:
    labels = torch.full((len(x),), label)
    return model(x, torch.full((len(x),), time), labels)


@pytest.mark.parametrize("channels", [(8,), (8, 16), (8, 16, 24)])
@pytest.mark.parametrize("num_blocks", [1, 2])
def test_output_has_the_inputs_shape_and_starts_at_zero(
    channels: tuple[int, ...], num_blocks: int
) -> None:
    x = torch.randn(2, 3, 8, 8)
    out = call(unet(channels=channels, num_blocks=num_blocks), x, 0.5, 0)
    assert out.shape == x.shape
    assert (out == 0).all()


def test_output_follows_time_and_class_and_their_absence() -> None:
    model, x = woken(unet()), torch.randn(2, 3, 8, 8)
    outs = [call(model, x, *condition) for condition in [(0.5, 0), (0.6, 0), (0.5, 1), (0.5, 3)]]
    assert all(not torch.allclose(outs[0], other) for other in outs[1:])


def test_every_weight_is_trained() -> None:
    model = woken(unet())
    call(model, torch.randn(2, 3, 8, 8), 0.5, 0).square().sum().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_attention_is_used_where_the_side_is_small_enough() -> None:
    attends = [isinstance(block.attention, SelfAttention) for block in unet().down]
    assert attends == [False, False, True, True]


@pytest.mark.parametrize(
    "block", [ResidualBlock(8, 8), SelfAttention(8)], ids=["residual", "attention"]
)
def test_block_starts_as_the_identity(block: nn.Module) -> None:
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(block(x), x)


def test_attention_does_not_know_the_order_of_places() -> None:
    attention, x = woken(SelfAttention(16)), torch.randn(1, 16, 4, 4)
    turned = attention(x.flip(-1)).flip(-1)
    torch.testing.assert_close(turned, attention(x), atol=1e-5, rtol=1e-5)


def test_adaptive_norm_starts_as_a_plain_norm() -> None:
    x = 3 + 2 * torch.randn(4, 16, 8, 8)
    out = AdaptiveGroupNorm(16, 5)(x, torch.randn(4, 5))
    torch.testing.assert_close(out, nn.functional.group_norm(x, 2))


def test_conditional_block_follows_its_condition() -> None:
    block, x = woken(ConditionalResidualBlock(8, 16, 5)), torch.randn(2, 8, 4, 4)
    assert not torch.allclose(block(x, torch.zeros(2, 5)), block(x, torch.ones(2, 5)))


def test_embedding_distinguishes_near_times_and_stays_bounded() -> None:
    vectors = sinusoidal_embedding(torch.linspace(0, 1, 1001), 64)
    assert vectors.shape == (1001, 64)
    assert vectors.abs().max() <= 1
    assert (vectors.diff(dim=0).norm(dim=1) > 0.1).all()
