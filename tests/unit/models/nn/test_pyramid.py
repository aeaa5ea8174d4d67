import pytest

from models.nn.blocks import pyramid


@pytest.mark.parametrize(
    ("finest", "levels"),
    [
        (32, [(32, 8), (16, 16), (8, 32), (4, 32)]),
        (16, [(16, 16), (8, 32), (4, 32)]),
        (8, [(8, 32), (4, 32)]),
        (4, [(4, 32)]),
    ],
)
def test_sides_halve_and_channels_grow(finest, levels):
    assert pyramid(finest, width=16) == levels
