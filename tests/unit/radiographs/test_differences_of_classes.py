"""What differs between classes beside their findings is said: format, depth, range, view."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from radiographs.brightest import brightest
from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.phantom import draw
from radiographs.store.pixel_store import PixelStore
from tests.unit.radiographs.made_dicom import dicom

OPTIONS = IngestOptions(bytes(32))


@pytest.fixture(scope="module")
def greys():
    """Thirty-two chests of as many patients, of 8 bits."""
    return [draw("normal", seed=9, index=k, size=64).pixels for k in range(32)]


@pytest.fixture
def ingested(folder_of, destination):
    def ingest(files):
        return run(FolderSource(folder_of(files)), destination, OPTIONS)

    return ingest


def by_class(files, suffix=("png", "png")):
    return {f"{'ab'[k // 16]}/{k}.{suffix[k // 16]}": data for k, data in enumerate(files)}


def codes(summary):
    return {warning.code: warning.num_images for warning in summary.warnings}


@pytest.mark.parametrize("other", ["JPEG", "16 bits"])
def test_a_class_of_another_format_is_said(ingested, encoded, greys, other):
    if other == "JPEG":
        files = [encoded(grey, "PNG" if k < 16 else "JPEG") for k, grey in enumerate(greys)]
    else:
        wide = [grey.astype(np.uint16) * 257 for grey in greys]
        files = [encoded(greys[k] if k < 16 else wide[k]) for k in range(32)]
    summary = ingested(by_class(files))
    assert codes(summary) == {"format_of_classes": 32}


def test_formats_that_are_mixed_alike_are_no_reason(ingested, encoded, greys):
    files = [encoded(grey, ("PNG", "JPEG")[k % 2]) for k, grey in enumerate(greys)]
    assert codes(ingested(by_class(files))) == {}


@pytest.mark.parametrize("marked", [1, 2], ids=["all images", "one of two"])
def test_a_marker_at_the_top_does_not_set_the_range(ingested, encoded, greys, marked, destination):
    files = []
    for k, grey in enumerate(greys):
        pixels = (grey.astype(float) / grey.max() * 4095).astype(np.uint16)
        if k % marked == 0:
            pixels[4:9, 4:13] = 65535
        files.append(encoded(pixels))
    assert codes(ingested(by_class(files))) == {"grey_range_narrow": 32}
    pixels = PixelStore.open(destination).pixels
    assert pixels.max() == 65535
    assert np.median(pixels) > 10_000


def test_the_brightest_value_leaves_markers_aside_and_nothing_else(greys):
    narrow = (greys[0].astype(float) / greys[0].max() * 4095).astype(np.uint16)
    assert brightest(narrow) == 4095
    marked = narrow.copy()
    marked[:5, :9] = 60_000
    assert brightest(marked) == 4095
    marked[:32] = 60_000
    assert brightest(marked) == 60_000  # half of it is no marker
    bright = narrow.copy()
    bright[0, :60] = np.linspace(4096, 60_000, 60)
    assert brightest(bright) == 60_000  # values of all kinds are none either


@pytest.mark.parametrize("view", ["LL", "LATERAL", "RL"])
def test_lateral_views_among_frontal_ones_are_counted(ingested, greys, view):
    files = [
        dicom(grey, 8, PatientID=f"P{k}", ViewPosition=view if k % 8 == 0 else "PA")
        for k, grey in enumerate(greys)
    ]
    assert codes(ingested(by_class(files))) == {"lateral_views": 4}


def test_lateral_views_alone_are_one_kind(ingested, greys):
    files = [dicom(grey, 8, PatientID=f"P{k}", ViewPosition="LL") for k, grey in enumerate(greys)]
    assert codes(ingested(by_class(files))) == {}


def test_a_placeholder_of_many_dicom_files_is_nobody(ingested, greys):
    files = [dicom(grey, 8, PatientID="999999", StudyInstanceUID="") for grey in greys]
    summary = ingested(by_class(files))
    assert codes(summary) == {"patients_unknown": 32}
    assert not summary.has_patient_ids


def test_a_format_of_16_bits_is_read_by_pillow_as_such():
    file = io.BytesIO()
    Image.fromarray(np.full((64, 64), 4096, np.uint16)).save(file, "PNG")
    assert file.getvalue()[24] == 16
