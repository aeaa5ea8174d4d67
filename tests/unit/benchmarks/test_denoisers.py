from __future__ import annotations

from collections.abc import Sequence

import pytest
from torch import Tensor, nn

from benchmarks.peers.denoisers import Forward, Latents, Size, measure, nearest_widths

LATENTS = Latents(channels=4, side=8, num_classes=3, attends=(False, True))


def two_layers(widths: Sequence[int], latents: Latents) -> tuple[nn.Module, Forward]:
    first, second = widths
    network = nn.Sequential(
        nn.Conv2d(latents.channels, first, 1, bias=False), nn.Conv2d(first, second, 1, bias=False)
    )

    def forward(x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        out: Tensor = network(x)
        return out

    return network, forward


def test_multiplications_and_parameters_are_counted() -> None:
    size = measure(*two_layers((16, 32), LATENTS), LATENTS)
    weights = 4 * 16 + 16 * 32
    assert size == Size(num_parameters=weights, macs=weights * 8 * 8)


def test_the_widths_of_a_network_are_found_from_its_size() -> None:
    wanted = measure(*two_layers((32, 96), LATENTS), LATENTS)
    assert nearest_widths(two_layers, LATENTS, wanted, range(32, 161, 32)) == (32, 96)


def test_sizes_differ_by_both_counts() -> None:
    assert Size(100, 100).distance(Size(100, 100)) == 0
    assert Size(110, 100).distance(Size(100, 90)) == pytest.approx(0.2, abs=0.01)
