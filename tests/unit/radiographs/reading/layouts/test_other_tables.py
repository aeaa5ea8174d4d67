"""Tables beside what the labels come from: their patients are read, or said to be unread."""

import pytest

from radiographs.reading.file_tree import FolderTree
from radiographs.reading.layouts import find_images

PNG = b"\x89PNG\r\n\x1a\n"
NAMES = [f"{label}/{k}.png" for label in ("sick", "well") for k in range(10)]
IMAGES = dict.fromkeys(NAMES, PNG)


@pytest.fixture
def listed(folder_of):
    return lambda files: find_images(FolderTree(folder_of(IMAGES | files)))


def table(head, cells):
    return "".join(f"{row}\n" for row in (head, *map(cells, range(len(NAMES))))).encode()


def labels(k):
    return f"{NAMES[k]},{NAMES[k][:4]}"


def patients(k):
    return f"{NAMES[k]},p{k // 2}"


def codes(listing):
    return [warning.code for warning in listing.warnings]


@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
def test_patients_come_from_a_second_table_where_the_first_names_none(listed, name):
    files = {name: table("file,label", labels), "who.csv": table("file,patient_id", patients)}
    listing = listed(files)
    assert {image.patient_id for image in listing.images} == {f"p{k}" for k in range(10)}
    assert listing.patient_source == "column patient_id"
    assert codes(listing) == []


def test_labels_of_a_table_that_was_not_taken_are_said(listed):
    other = table("file,finding,patient_id", lambda k: f"{NAMES[k]},z,p{k}")
    listing = listed({"labels.csv": table("file,label", labels), "metadata.csv": other})
    assert {image.label for image in listing.images} == {"sick", "well"}
    assert "table_not_used" in codes(listing)
    assert all(image.patient_id for image in listing.images)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("patients.csv", "file,Müller\n1.png,2\n".encode("cp1252")),
        ("patients.xls", b"\xd0\xcf\x11\xe0"),
        ("patients.parquet", b"PAR1"),
        ("patients.xlsx", b"PK no workbook"),
    ],
)
@pytest.mark.parametrize("labelled", [True, False])
def test_a_table_that_cannot_be_read_is_said(listed, name, content, labelled):
    files = {"labels.csv": table("file,label", labels)} if labelled else {}
    assert codes(listed({name: content, **files})) == ["table_not_used"]


@pytest.mark.parametrize("labelled", [True, False])
def test_a_table_of_patients_that_names_other_files_is_said(listed, labelled):
    files = {"labels.csv": table("file,label", labels)} if labelled else {}
    others = table("file,patient_id", lambda k: f"scan-{k}.dcm,p{k // 2}")
    listing = listed({"patients.csv": others, **files})
    [warning] = listing.warnings
    assert warning.code == "table_not_used"
    assert "patients" in warning.detail
    assert not any(image.patient_id for image in listing.images)


def test_the_second_column_that_names_patients_is_said(listed):
    listing = listed({"labels.csv": table("file,label,pid,mrn", lambda k: f"{labels(k)},{k},{k}")})
    assert codes(listing) == ["patient_column_unclear"]


@pytest.mark.parametrize("column", ["HN", "fallnummer", "ID", "患者"])
def test_a_column_of_an_unknown_name_is_said_where_none_names_the_patient(listed, column):
    listing = listed({"labels.csv": table(f"file,label,{column}", lambda k: f"{labels(k)},7")})
    [warning] = listing.warnings
    assert warning.code == "patient_column_unclear"
    assert column in warning.detail


@pytest.mark.parametrize("column", ["age", "Patient Age", "view", "width"])
def test_a_column_that_says_something_else_is_no_reason_for_a_warning(listed, column):
    assert not codes(
        listed({"labels.csv": table(f"file,label,{column}", lambda k: f"{labels(k)},7")})
    )


def test_folders_that_the_table_contradicts_are_said(listed):
    swapped = table("file,label", lambda k: f"{NAMES[k]},{'sick' if k in {0, 19} else 'well'}")
    assert "folders_contradict" in codes(listed({"labels.csv": swapped}))
