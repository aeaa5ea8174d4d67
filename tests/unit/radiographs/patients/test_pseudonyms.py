"""Patients are known by keyed hashes of what tables and DICOM files call them."""

from __future__ import annotations

from radiographs.patients.pseudonyms import pseudonymised
from radiographs.reading.layouts import ListedImage

KEY = bytes(range(32))


def patients(table, files=None):
    images = [ListedImage(str(k), "a", name) for k, name in enumerate(table)]
    ids = {str(k): name for k, name in enumerate(files or []) if name}
    found, warnings = pseudonymised(images, ids, KEY)
    return [image.patient_id for image in found], warnings


def same(found):
    """Number the patients in the order in which they occur; None stays."""
    numbers = {}
    return [None if each is None else numbers.setdefault(each, len(numbers)) for each in found]


def test_no_name_is_kept():
    found, warnings = patients(["4711", "Mustermann", None], [None, None, "0815"])
    assert all(len(bytes.fromhex(each)) == 32 for each in found)
    assert same(found) == [0, 1, 2]
    assert warnings == []


def test_one_name_is_one_patient_whether_a_table_or_a_file_says_it():
    found, _ = patients(["4711", None, None], [None, "4711", "42"])
    assert same(found) == [0, 0, 1]


def test_who_is_not_named_is_nobody():
    assert patients([None, "", None], [None, "", "7"])[0][:2] == [None, None]


def test_the_table_names_a_patient_whom_the_file_calls_otherwise():
    alone, _ = patients(["a", "a", "b"])
    both, warnings = patients(["a", "a", "b"], ["1", "1", "2"])
    assert both == alone
    assert warnings == []


def test_an_image_that_the_table_leaves_out_belongs_to_the_patient_of_its_file():
    found, warnings = patients(["a", None, "b"], ["1", "1", "2"])
    assert same(found) == [0, 0, 1]
    assert warnings == []


def test_where_table_and_files_disagree_patients_are_kept_together_and_counted():
    found, (warning,) = patients(["a", "b", "c"], ["1", "1", "2"])
    assert same(found) == [0, 0, 1]
    assert (warning.code, warning.num_images) == ("patients_of_files_contradict", 2)
    found, (warning,) = patients(["a", "a", "c"], ["1", "2", "3"])
    assert same(found) == [0, 0, 1]
    assert warning.num_images == 2


def test_another_key_gives_other_hashes():
    images = [ListedImage("0", "a", "4711")]
    first, second = (pseudonymised(images, {}, key)[0][0] for key in (KEY, bytes(32)))
    assert first.patient_id != second.patient_id
