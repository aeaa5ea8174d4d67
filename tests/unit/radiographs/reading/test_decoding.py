from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from radiographs.errors import UnreadableImage
from radiographs.phantom import draw
from radiographs.reading.decoding import decode, read_header
from radiographs.reading.opened_image import MAX_PIXELS
from radiographs.reading.pillow_image import upright

GREY = draw("normal", seed=1, index=0, size=64).pixels[:48]  # 48 rows, 64 columns
DEEP = np.add(GREY * np.uint16(256), np.arange(64, dtype=np.uint16))


def refusal(data):
    with pytest.raises(UnreadableImage) as caught:
        decode(data)
    return caught.value


def coloured():
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_grey_pixels_come_back_exactly_in_every_mode(encoded, mode):
    data = encoded(Image.fromarray(GREY).convert(mode))
    np.testing.assert_array_equal(decode(data), GREY)
    assert decode(data).dtype == np.uint8


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_lossless_webp_comes_back_exactly(encoded, mode):
    data = encoded(Image.fromarray(GREY).convert(mode), "WEBP", lossless=True)
    np.testing.assert_array_equal(decode(data), GREY)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_comes_back_nearly(encoded, mode):
    data = encoded(Image.fromarray(GREY).convert("RGB").convert(mode), "JPEG", quality=98)
    difference = np.abs(decode(data).astype(int) - GREY)
    assert difference.mean() < 2


def test_one_bit_is_black_and_white(encoded):
    data = encoded(Image.fromarray(GREY).convert("1"))
    assert set(np.unique(decode(data))) == {0, 255}


def test_sixteen_bits_stay_sixteen(encoded):
    decoded = decode(encoded(DEEP))
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, DEEP)
    assert read_header(encoded(DEEP)).bit_depth == 16


def test_colour_becomes_luminance(encoded):
    image = coloured()
    r, g, b = np.moveaxis(np.asarray(image, dtype=np.float64), -1, 0)
    luminance = 0.299 * r + 0.587 * g + 0.114 * b  # ITU-R BT.601
    assert np.abs(decode(encoded(image)) - luminance).max() <= 0.51


def test_alpha_is_composited_on_black(encoded):
    alpha = np.linspace(0, 255, GREY.size).reshape(GREY.shape).astype(np.uint8)
    image = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    expected = np.round(GREY.astype(np.float64) * alpha / 255)
    assert np.abs(decode(encoded(image)) - expected).max() <= 1
    np.testing.assert_array_equal(decode(encoded(image)), decode(encoded(image.convert("RGBA"))))


def test_a_transparent_grey_value_is_black(encoded):
    value = int(GREY[20, 30])
    for pixels, depth_value in ((GREY, value), (DEEP, int(DEEP[20, 30]))):
        decoded = decode(encoded(pixels, transparency=depth_value))
        np.testing.assert_array_equal(decoded, np.where(pixels == depth_value, 0, pixels))


def test_a_palette_with_transparency_is_composited_on_black(encoded):
    image = Image.fromarray(GREY).convert("P")
    decoded = decode(encoded(image, transparency=bytes([0] * 128 + [255] * 128)))
    np.testing.assert_array_equal(decoded, np.where(GREY < 128, 0, GREY))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(encoded, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(kind, {})
    upright = decode(encoded(GREY, kind, **options))
    reference = Image.fromarray(upright)
    turned = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    if orientation in turned:
        reference = reference.transpose(turned[orientation])
    decoded = decode(encoded(GREY, kind, exif=exif, **options))
    np.testing.assert_array_equal(decoded, np.asarray(reference))


@pytest.mark.parametrize("kind", ["GIF", "JPEG2000", "PDF", "AVIF"])
def test_another_format_is_refused_by_its_name(encoded, kind):
    refused = refusal(encoded(GREY, kind))
    assert refused.code == "unsupported_format"
    assert kind.replace("JPEG2000", "JPEG 2000") in refused.reason


def test_text_is_no_image():
    assert refusal(b"Dear radiologist, ").code == "unsupported_format"
    assert refusal(b"").code == "truncated"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_animation_is_no_image(encoded, kind):
    frames = [Image.fromarray(GREY[::-1]).convert("RGB")]
    first = Image.fromarray(GREY).convert("RGB")
    refused = refusal(encoded(first, kind, save_all=True, append_images=frames))
    assert refused.code == "unsupported_format"
    assert "animated" in refused.reason


def png(width, height, depth=8, colour=0, rows=b""):
    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def test_a_pixel_bomb_is_refused_before_it_is_decoded():
    refused = refusal(png(50_000, 50_000))
    assert refused.code == "too_large"
    assert f"{MAX_PIXELS:,}" in refused.reason


@pytest.mark.parametrize("colour", [2, 4, 6])
def test_sixteen_bit_colour_is_refused_rather_than_halved(colour):
    assert refusal(png(64, 64, depth=16, colour=colour)).code == "unsupported_mode"


def test_a_tiny_image_is_refused(encoded):
    assert refusal(encoded(GREY[:31])).code == "too_small"


def test_a_blank_image_is_refused(encoded):
    assert refusal(encoded(np.full((64, 64), 7, np.uint8))).code == "blank"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_image_is_refused(encoded, kind, share):
    data = encoded(GREY, kind)
    assert refusal(data[: int(share * len(data))]).code in {"truncated", "corrupt"}


def test_a_truncated_png_says_that_the_file_ends_early(encoded):
    data = encoded(GREY)
    assert refusal(data[: len(data) // 2]).code == "truncated"


@given(at=st.integers(0, 100_000), bit=st.integers(0, 7))
@settings(max_examples=300, deadline=None)
def test_a_flipped_bit_never_changes_png_pixels_unnoticed(at, bit):
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "PNG")
    data = bytearray(file.getvalue())
    data[33 + at % (len(data) - 33)] ^= 1 << bit  # anywhere after the header chunk
    try:
        decoded = decode(bytes(data))
    except UnreadableImage:
        return
    np.testing.assert_array_equal(decoded, GREY)


@given(st.binary(max_size=200), st.sampled_from(["PNG", "JPEG", "WEBP"]), st.integers(0, 600))
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_are_decoded_or_refused_and_nothing_else(noise, kind, at):
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, kind)
    data = bytearray(file.getvalue())
    data[at : at + len(noise)] = noise
    try:
        assert decode(bytes(data)).ndim == 2
    except UnreadableImage as refused:
        assert refused.reason  # noqa: PT017  either outcome is right


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_header_has_size_and_depth(encoded, kind):
    assert tuple(read_header(encoded(GREY, kind))) == (64, 48, 8, None, kind)


def test_a_png_header_is_read_from_its_first_bytes(encoded):
    assert tuple(read_header(encoded(GREY)[:100])) == (64, 48, 8, None, "PNG")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_orientation_is_found_among_other_tags_in_either_byte_order(orientation, order):
    exif = Image.Exif()
    exif.endian = order
    exif[0x010F] = "maker"
    exif[0x0112] = orientation
    exif[0x0131] = "software"
    image = Image.new("L", (3, 2))
    image.info["exif"] = exif.tobytes()
    assert upright(image).size == ((2, 3) if orientation >= 5 else (3, 2))


@pytest.mark.parametrize("mode", ["L", "I;16"])
@given(exif=st.binary(max_size=100))
def test_any_exif_data_leave_an_image(mode, exif):
    for begun in (b"", b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08"):
        image = Image.new(mode, (3, 2))
        image.info["exif"] = begun + exif
        assert sorted(upright(image).size) == [2, 3]
