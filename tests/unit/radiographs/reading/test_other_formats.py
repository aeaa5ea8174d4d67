"""TIFF, BMP and JPEG of processes that Pillow does not decode."""

from __future__ import annotations

import io
import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from radiographs.errors import UnreadableImage
from radiographs.phantom import draw
from radiographs.reading.decoding import decode, read_header

GREY = draw("normal", seed=1, index=0, size=64).pixels[:48]  # 48 rows, 64 columns
DEEP = np.add(GREY * np.uint16(256), np.arange(64, dtype=np.uint16))
TWELVE_BITS = DEEP >> np.uint16(4)


def refusal(data):
    with pytest.raises(UnreadableImage) as caught:
        decode(data)
    return caught.value


def as_16_bits(values, white):
    return np.floor(values.astype(np.float64) * 65535 / white + 0.5)


@pytest.mark.parametrize("pixels", [GREY, DEEP], ids=["8 bits", "16 bits"])
@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_tiff_comes_back_exactly(encoded, pixels, compression):
    data = encoded(pixels, "TIFF", compression=compression)
    np.testing.assert_array_equal(decode(data), pixels)
    assert tuple(read_header(data)) == (64, 48, 8 * pixels.dtype.itemsize, None, "TIFF")


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_grey_in_colour_comes_back_exactly(encoded, kind, mode):
    data = encoded(Image.fromarray(GREY).convert(mode), kind)
    np.testing.assert_array_equal(decode(data), GREY)


def test_bmp_comes_back_exactly(encoded):
    np.testing.assert_array_equal(decode(encoded(GREY, "BMP")), GREY)


@pytest.mark.parametrize("pixels", [GREY, DEEP], ids=["8 bits", "16 bits"])
def test_a_tiff_whose_white_is_zero_is_inverted(pixels):
    data = imagecodecs.tiff_encode(pixels, photometric="miniswhite")
    np.testing.assert_array_equal(decode(data), np.iinfo(pixels.dtype).max - pixels)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floating_point_from_0_to_1_is_stretched(dtype):
    data = imagecodecs.tiff_encode((DEEP / 65535).astype(dtype))
    np.testing.assert_array_equal(decode(data), DEEP)
    assert read_header(data).bit_depth == 16


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint32])
def test_long_values_from_0_to_65535_are_rounded(dtype):
    np.testing.assert_array_equal(decode(imagecodecs.tiff_encode(DEEP.astype(dtype))), DEEP)


def test_signed_values_keep_their_order():
    signed = (DEEP.astype(int) - 32768).astype(np.int16)
    np.testing.assert_array_equal(decode(imagecodecs.tiff_encode(signed)), DEEP)


@pytest.mark.parametrize(
    "values",
    [
        DEEP - 40_000.0,
        DEEP * 2.0,
        np.where(DEEP > 30_000, np.nan, DEEP),
        np.where(DEEP > 30_000, np.inf, DEEP),
    ],
    ids=["negative", "too large", "no numbers", "infinite"],
)
def test_values_of_no_known_range_are_refused_rather_than_clipped(values):
    refused = refusal(imagecodecs.tiff_encode(values.astype(np.float32)))
    assert refused.code == "unsupported_mode"
    assert "black and white" in refused.reason


def test_deep_colour_in_a_tiff_is_refused_rather_than_halved():
    data = imagecodecs.tiff_encode(np.stack([DEEP] * 3, axis=-1), photometric="rgb")
    assert refusal(data).code == "unsupported_mode"


def test_several_pages_are_refused(encoded):
    pages = [Image.fromarray(GREY[::-1])]
    refused = refusal(encoded(GREY, "TIFF", save_all=True, append_images=pages))
    assert refused.code == "unsupported_format"
    assert "2 pages" in refused.reason


@pytest.mark.parametrize("kind", ["TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(encoded, kind, share):
    for pixels in (GREY, DEEP) if kind == "TIFF" else (GREY,):
        data = encoded(pixels, kind)
        assert refusal(data[: int(share * len(data))]).code in {"truncated", "corrupt"}


@pytest.mark.parametrize("name", ["lossless", "LS"])
@pytest.mark.parametrize(
    ("pixels", "bits"), [(GREY, 8), (TWELVE_BITS, 12), (DEEP, 16)], ids=["8", "12", "16"]
)
def test_a_lossless_jpeg_uses_the_range_that_its_precision_states(name, pixels, bits):
    if name == "lossless":
        data = imagecodecs.ljpeg_encode(pixels, bitspersample=bits)
        expected = pixels if bits == 8 else as_16_bits(pixels, 2**bits - 1)
    else:
        data = imagecodecs.jpegls_encode(pixels)
        stated = data[data.index(b"\xff\xf7") + 4]
        expected = pixels if bits == 8 else as_16_bits(pixels, 2**stated - 1)
    np.testing.assert_array_equal(decode(data), expected)
    assert tuple(read_header(data)) == (64, 48, 8 if bits == 8 else 16, None, "JPEG")


def test_a_jpeg_of_12_bits_uses_its_whole_range():
    data = imagecodecs.jpeg8_encode(TWELVE_BITS, level=100, bitspersample=12)
    assert np.abs(decode(data) - as_16_bits(TWELVE_BITS, 4095)).max() < 200


def test_progressive_and_ordinary_jpegs_are_still_read_by_pillow(encoded):
    for progressive in (False, True):
        data = encoded(GREY, "JPEG", quality=98, progressive=progressive)
        with Image.open(io.BytesIO(data)) as image:
            np.testing.assert_array_equal(decode(data), np.asarray(image))


@pytest.mark.parametrize(
    ("marker", "process"),
    [
        (0xC3, "lossless"),
        (0xC5, "differential sequential"),
        (0xC7, "differential lossless"),
        (0xCB, "arithmetic lossless"),
        (0xCD, "arithmetic differential sequential"),
        (0xF7, "LS"),
    ],
)
def test_a_process_that_cannot_be_decoded_is_named(encoded, marker, process):
    data = bytearray(encoded(GREY, "JPEG"))
    data[data.index(b"\xff\xc0") + 1] = marker
    refused = refusal(bytes(data))
    assert refused.code == "unsupported_format"
    assert f"of the process {process} " in refused.reason
    assert "PNG" in refused.reason


def test_a_baseline_jpeg_that_claims_12_bits_is_refused(encoded):
    data = bytearray(encoded(GREY, "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    refused = refusal(bytes(data))
    assert refused.code == "unsupported_format"
    assert "12 bits" in refused.reason


def test_a_chain_of_tiff_pages_that_never_ends_is_walked_once():
    entries = struct.pack("<HHII", 256, 4, 1, 64) + struct.pack("<HHII", 257, 4, 1, 48)
    data = b"II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 8) + bytes(64)
    assert refusal(data).code == "corrupt"
