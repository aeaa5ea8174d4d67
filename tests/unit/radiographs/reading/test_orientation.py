from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from radiographs.reading.orientation import read_orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_tag_is_found_among_others_in_either_byte_order(orientation, order):
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "maker"
    exif[0x0112] = orientation
    exif[0x0131] = "software"
    assert read_orientation(exif.tobytes()) == orientation


@given(st.binary(max_size=100))
def test_any_bytes_give_an_orientation(data):
    assert 1 <= read_orientation(data) <= 8
    assert 1 <= read_orientation(b"Exif\0\0II*\0\x08\0\0\0" + data) <= 8
