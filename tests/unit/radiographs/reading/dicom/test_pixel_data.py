"""Stored values come back exactly, however they are coded; pydicom and dcmtk are references."""

from __future__ import annotations

import shutil
import subprocess
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom import uid
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate

from radiographs.errors import UnreadableImage
from radiographs.reading.decoding import decode, read_header
from radiographs.reading.dicom.pixel_data import PixelFormat, stored_values
from tests.unit.radiographs.made_dicom import GREY, TWELVE_BITS, dataset, dicom, encoded

KINDS = {  # pixels, and the bits that are stored
    "8 bits": (GREY, 8),
    "10 bits": (TWELVE_BITS >> np.uint16(2), 10),
    "12 bits": (TWELVE_BITS, 12),
    "16 bits": (TWELVE_BITS * np.uint16(16) + np.uint16(5), 16),
}
PLAIN = [
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
]
ENCODERS = {
    uid.JPEGLSLossless: imagecodecs.jpegls_encode,
    uid.JPEG2000Lossless: lambda pixels: imagecodecs.jpeg2k_encode(
        pixels, level=0, codecformat="j2k"
    ),
    uid.HTJ2KLossless: lambda pixels: imagecodecs.htj2k_encode(pixels, reversible=True),
    uid.JPEGLosslessSV1: lambda pixels: imagecodecs.ljpeg_encode(
        pixels, bitspersample=8 * pixels.dtype.itemsize
    ),
}
DCMTK = {  # the tool that codes, its options, and the tool that decodes
    "RLE": ("dcmcrle", [], "dcmdrle"),
    "lossless": ("dcmcjpeg", ["+e1"], "dcmdjpeg"),
    "lossless by another predictor": ("dcmcjpeg", ["+el", "+sv", "2"], "dcmdjpeg"),
    "baseline": ("dcmcjpeg", ["+eb"], "dcmdjpeg"),
    "extended": ("dcmcjpeg", ["+ee"], "dcmdjpeg"),
    "JPEG-LS": ("dcmcjpls", [], "dcmdjpls"),
    "JPEG-LS nearly lossless": ("dcmcjpls", ["+en"], "dcmdjpls"),
}
# of pydicom's own files: coded one, and what has the same pixels, plain
SAME_PIXELS = {
    "MR_small_RLE.dcm": "MR_small.dcm",
    "MR_small_jp2klossless.dcm": "MR_small.dcm",
    "MR_small_jpeg_ls_lossless.dcm": "MR_small.dcm",
    "MR_small_bigendian.dcm": "MR_small.dcm",
    "MR_small_expb.dcm": "MR_small.dcm",
    "MR_small_implicit.dcm": "MR_small.dcm",
    "MR_small_padded.dcm": "MR_small.dcm",
}


def values_of(made):
    """Return the stored values of a dataset that was read whole."""
    found = PixelFormat.of(made)
    values = stored_values(memoryview(made.PixelData), made.file_meta.TransferSyntaxUID, found)
    if found.is_signed:
        half = 1 << (found.bits_stored - 1)
        values = (values.astype(int) ^ half) - half
    return values


def coded(pixels, bits, syntax, coder):
    made = dataset(pixels, bits, PixelData=encapsulate([coder(pixels)]))
    made.file_meta.TransferSyntaxUID = syntax
    made["PixelData"].is_undefined_length = True
    made["PixelData"].VR = "OB"
    return made


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("syntax", PLAIN, ids=lambda syntax: syntax.name)
def test_plain_pixels_come_back_exactly(kind, syntax):
    pixels, bits = KINDS[kind]
    made = dataset(pixels, bits)
    made.file_meta.TransferSyntaxUID = syntax
    if syntax == uid.ExplicitVRBigEndian:
        made.PixelData = pixels.byteswap().tobytes()
    np.testing.assert_array_equal(decode(encoded(made)), decode(dicom(pixels, bits)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("syntax", ENCODERS, ids=lambda syntax: syntax.name)
def test_losslessly_coded_pixels_come_back_exactly(kind, syntax):
    pixels, bits = KINDS[kind]
    made = coded(pixels, bits, syntax, ENCODERS[syntax])
    np.testing.assert_array_equal(values_of(made), pixels)


@pytest.mark.parametrize("syntax", ENCODERS, ids=lambda syntax: syntax.name)
def test_a_coded_file_is_read_as_a_plain_one(syntax):
    made = coded(TWELVE_BITS, 12, syntax, ENCODERS[syntax])
    file = pydicom.filebase.DicomBytesIO()
    made.save_as(file, enforce_file_format=True)
    np.testing.assert_array_equal(decode(file.getvalue()), decode(dicom()))
    assert tuple(read_header(file.getvalue())[:3]) == (64, 48, 16)


@pytest.mark.parametrize("name", SAME_PIXELS)
def test_pydicom_s_files_have_the_pixels_of_their_plain_twins(name):
    made = pydicom.dcmread(get_testdata_file(name, download=False))
    reference = pydicom.dcmread(get_testdata_file(SAME_PIXELS[name], download=False)).pixel_array
    np.testing.assert_array_equal(values_of(made), reference)


@pytest.mark.parametrize("name", ["693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG2000.dcm"])
def test_lossy_jpeg_2000_is_decoded_as_by_pydicom(name):
    made = pydicom.dcmread(get_testdata_file(name, download=False))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the second contradicts itself, which pydicom says
        reference = made.pixel_array
    np.testing.assert_array_equal(values_of(made), reference)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coding", DCMTK)
def test_what_dcmtk_codes_is_decoded_as_by_dcmtk(tmp_path: Path, kind, coding):
    coder, options, decoder = DCMTK[coding]
    if shutil.which(coder) is None:
        pytest.skip(f"dcmtk ({coder}) is not installed")
    plain, file, again = (tmp_path / f"{name}.dcm" for name in ("plain", "coded", "again"))
    plain.write_bytes(dicom(*KINDS[kind]))
    subprocess.run([coder, *options, plain, file], check=True, capture_output=True)
    subprocess.run([decoder, file, again], check=True, capture_output=True)
    reference = pydicom.dcmread(again).pixel_array
    np.testing.assert_array_equal(values_of(pydicom.dcmread(file)), reference)


def test_pixels_that_end_early_are_named():
    whole = dicom()
    for length in (len(whole) - 1, len(whole) - TWELVE_BITS.nbytes // 2):
        with pytest.raises(UnreadableImage) as caught:
            decode(whole[:length])
        assert caught.value.code == "truncated"


@pytest.mark.parametrize(
    ("syntax", "named"),
    [("1.2.840.10008.1.2.4.102", "MPEG-4"), ("1.2.3.4", "none that the standard has")],
)
def test_a_transfer_syntax_that_is_not_read_is_named(syntax, named):
    made = dataset(PixelData=encapsulate([b"video"]))
    made.file_meta.TransferSyntaxUID = uid.UID(syntax)
    made["PixelData"].is_undefined_length = True
    made["PixelData"].VR = "OB"
    file = pydicom.filebase.DicomBytesIO()
    pydicom.dcmwrite(file, made, implicit_vr=False, little_endian=True)
    with pytest.raises(UnreadableImage) as caught:
        read_header(file.getvalue())
    assert caught.value.code == "unsupported_format"
    assert named in caught.value.reason


OVERLAY = (np.indices(TWELVE_BITS.shape).sum(0) % 2).astype(np.uint16) << np.uint16(12)


@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.JPEGLSLossless])
def test_values_beyond_the_bits_that_are_declared_are_refused(syntax):
    pixels = TWELVE_BITS * np.uint16(8)  # of 15 bits
    if syntax == uid.ExplicitVRLittleEndian:
        data = dicom(pixels, 12)
    else:
        file = pydicom.filebase.DicomBytesIO()
        coded(pixels, 12, syntax, ENCODERS[syntax]).save_as(file, enforce_file_format=True)
        data = file.getvalue()
    with pytest.raises(UnreadableImage) as caught:
        decode(data)
    assert caught.value.code == "unsupported_mode"
    assert "BitsStored" in caught.value.reason


def test_an_overlay_is_dropped_where_it_is_declared_and_else_refused():
    made = dataset(TWELVE_BITS | OVERLAY)
    made.add_new(0x60000102, "US", 12)
    np.testing.assert_array_equal(decode(encoded(made)), decode(dicom()))
    with pytest.raises(UnreadableImage, match="BitsStored"):
        decode(dicom(TWELVE_BITS | OVERLAY))


def test_copies_of_the_sign_above_the_value_are_dropped():
    signed = TWELVE_BITS.astype(np.int16) - np.int16(2048)
    low = (signed & 0xFFF).astype(np.int16)
    np.testing.assert_array_equal(decode(dicom(signed)), decode(dicom(low)))
