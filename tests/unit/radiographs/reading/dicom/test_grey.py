"""Stored values become grey as PS3.3 says; pydicom is the reference of each step."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.pixels import apply_modality_lut, apply_windowing

from radiographs.errors import UnreadableImage
from radiographs.reading.decoding import decode, read_header
from tests.unit.radiographs.made_dicom import (
    GREY,
    TWELVE_BITS,
    dataset,
    dicom,
    encoded,
    lookup_table,
)

SIGNED = (TWELVE_BITS.astype(np.int16) - 2048).astype(np.int16)


def stretched(values, low, high, white=65535):
    """Map low to black and high to white, rounded."""
    grey = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1)
    return np.floor(grey * white + 0.5).astype(int)


def remarks(data):
    return read_header(data).dicom.remarks


@pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(2000, 3000), (1000.5, 333), (2048, 4096)])
@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.5, -100)])
def test_a_window_is_applied_as_pydicom_applies_it(function, centre, width, slope, intercept):
    window = {"WindowCenter": centre, "WindowWidth": width}
    window |= {"RescaleSlope": slope, "RescaleIntercept": intercept}
    made = dataset(**window, **({"VOILUTFunction": function} if function else {}))
    values = apply_modality_lut(TWELVE_BITS, made)
    reference = apply_windowing(values, made)
    black, white = intercept, 4095 * slope + intercept
    expected = stretched(reference, black, white)
    assert np.abs(decode(encoded(made)).astype(int) - expected).max() <= 1
    assert remarks(encoded(made)) == ()


def test_the_first_of_several_windows_counts():
    several = dicom(WindowCenter=[2000, 100], WindowWidth=[3000, 50])
    one = dicom(WindowCenter=2000, WindowWidth=3000)
    np.testing.assert_array_equal(decode(several), decode(one))


def test_a_table_goes_before_a_window():
    entries = (np.linspace(0, 1, 4096) ** 2 * 65535).astype(int)
    table = {"VOILUTSequence": lookup_table(entries)}
    data = dicom(WindowCenter=100, WindowWidth=50, **table)
    np.testing.assert_array_equal(decode(data), entries[TWELVE_BITS])


def test_values_beyond_a_table_take_its_ends():
    entries = np.arange(0, 1001) * 65
    data = dicom(VOILUTSequence=lookup_table(entries, first=1000))
    places = np.clip(TWELVE_BITS.astype(int) - 1000, 0, 1000)
    expected = stretched(entries[places], 0, 65535)
    np.testing.assert_array_equal(decode(data), expected)


def test_a_table_that_claims_more_bits_than_it_uses_does_not_darken_the_image():
    data = dicom(VOILUTSequence=lookup_table(range(4096), bits=16))
    np.testing.assert_array_equal(decode(data), stretched(TWELVE_BITS, 0, 4095))


def test_a_modality_table_comes_first():
    entries = 4095 - np.arange(4096)
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    data = dicom(ModalityLUTSequence=lookup_table(entries), **window)
    np.testing.assert_array_equal(decode(data), stretched(4095 - TWELVE_BITS, 0, 4095))


def test_without_a_window_all_values_of_the_bits_are_kept_and_a_remark_says_so():
    np.testing.assert_array_equal(decode(dicom()), stretched(TWELVE_BITS, 0, 4095))
    assert remarks(dicom()) == ("window_missing",)
    assert read_header(dicom()).bit_depth == 16


def test_eight_bits_stay_as_they_are():
    data = dicom(GREY, bits=8)
    np.testing.assert_array_equal(decode(data), GREY)
    assert decode(data).dtype == np.uint8
    assert remarks(data) == ()


@pytest.mark.parametrize("window", [(0, 0), (100, -5), (100, 0.5)])
def test_a_window_that_the_standard_forbids_is_none(window):
    data = dicom(WindowCenter=window[0], WindowWidth=window[1])
    np.testing.assert_array_equal(decode(data), decode(dicom()))


def test_a_window_of_width_one_is_black_and_white():
    data = dicom(WindowCenter=2000, WindowWidth=1)
    np.testing.assert_array_equal(decode(data), np.where(TWELVE_BITS > 1999.5, 65535, 0))


def test_a_window_that_leaves_nothing_is_named():
    with pytest.raises(UnreadableImage) as caught:
        decode(dicom(WindowCenter=30_000, WindowWidth=10))
    assert caught.value.code == "blank"


@pytest.mark.parametrize(
    "elements",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"PresentationLUTShape": "INVERSE"},
    ],
)
def test_monochrome1_is_inverted_once(elements):
    window = {"WindowCenter": 2048, "WindowWidth": 4096}
    plain = decode(dicom(**window)).astype(int)
    np.testing.assert_array_equal(decode(dicom(**window, **elements)), 65535 - plain)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("limit", [None, 20])
def test_padding_is_black(photometric, limit):
    pixels = TWELVE_BITS + np.uint16(100)
    pixels[:5] = 0
    pixels[5:9] = 20
    padding = {"PixelPaddingValue": 0, **({"PixelPaddingRangeLimit": limit} if limit else {})}
    decoded = decode(dicom(pixels, 13, PhotometricInterpretation=photometric, **padding))
    assert (decoded[: 9 if limit else 5] == 0).all()
    assert decoded[9:].max() > 0
    assert limit or (decoded[5:9] > 0).all()


def test_signed_values_keep_their_order():
    np.testing.assert_array_equal(decode(dicom(SIGNED)), stretched(TWELVE_BITS, 0, 4095))
    window = {"WindowCenter": 0, "WindowWidth": 2000}
    expected = stretched(SIGNED, -0.5 - 999.5, -0.5 + 999.5)
    np.testing.assert_array_equal(decode(dicom(SIGNED, **window)), expected)


def test_signed_padding_is_found():
    pixels = SIGNED.copy()
    pixels[:5] = -2048
    assert (decode(dicom(pixels, PixelPaddingValue=-2048))[:5] == 0).all()


def test_bits_above_those_stored_are_no_part_of_a_value():
    overlay = TWELVE_BITS | np.uint16(0xF000)
    np.testing.assert_array_equal(decode(dicom(overlay)), decode(dicom()))


def test_values_in_the_upper_bits_are_moved_down():
    data = dicom(TWELVE_BITS << np.uint16(4), HighBit=15)
    np.testing.assert_array_equal(decode(data), decode(dicom()))


@pytest.mark.parametrize(
    "elements",
    [
        {"RescaleSlope": 0},
        {"VOILUTSequence": lookup_table([])},
        {"VOILUTSequence": lookup_table([0, 0, 0])},
        {"HighBit": 99},
        {"Rows": None},
    ],
)
def test_elements_that_make_no_sense_are_named(elements):
    with pytest.raises(UnreadableImage) as caught:
        decode(dicom(**elements))
    assert caught.value.code == "corrupt"
