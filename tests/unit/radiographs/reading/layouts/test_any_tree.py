"""Whatever lies in a folder is read or refused by name."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from radiographs.errors import IngestRefused
from radiographs.reading.layouts import find_images
from radiographs.reading.listing import Listing
from tests.unit.radiographs.reading.tables.memory_tree import MemoryTree

PARTS = st.sampled_from(
    [
        *("a", "b", "Normal", "normal", "train", "test", "images", "masks", "images_001", "p10"),
        *("CHNCXR_0001_1.png", "1.png", "2.png", "1.PNG", "IM0001", "x.txt", "scan.dcm", "ü.png"),
        *("labels.csv", "metadata.csv", "data.xlsx", "labels.jsonl", "t.csv.gz", "x.npz", "\\xd6"),
    ]
)
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
COLUMNS = st.sampled_from(
    [
        *("file", "label", "patient_id", "Image Index", "Finding Labels", "Path", "No Finding"),
        *("Frontal/Lateral", "Pleural Effusion", "subject_id", "study_id", "dicom_id", "class"),
        *("ViewPosition", "ImageID", "PatientID", "Labels", "Projection", "image_id", "rad_id"),
        *("class_name", "Target", "x", "y", "", "Age"),
    ]
)
CELLS = st.sampled_from(["1.png", "a/1.png", "1", "0", "1.0", "x", "", "['a', 'b']", "A|B", "nan"])


@st.composite
def tables(draw):
    columns = draw(st.lists(COLUMNS, min_size=1, max_size=6))
    rows = draw(st.lists(st.lists(CELLS, min_size=len(columns), max_size=len(columns)), max_size=5))
    lines = [",".join(columns), *(",".join(f'"{cell}"' for cell in row) for row in rows)]
    return "\n".join(lines).encode()


CONTENTS = st.one_of(tables(), st.binary(max_size=60), st.just(b"\x89PNG\r\n\x1a\n"))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, CONTENTS, max_size=12))
def test_any_tree_is_read_or_refused(files):
    with contextlib.suppress(IngestRefused):
        listing = find_images(MemoryTree(files))
        assert isinstance(listing, Listing)
        names = [image.name for image in listing.images]
        assert len(names) == len(set(names))
        assert set(names) <= set(files)
