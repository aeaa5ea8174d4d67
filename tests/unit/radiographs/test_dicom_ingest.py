"""DICOM files become a dataset as other images do, and leave nothing of the patients' names."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from radiographs.errors import IngestRefused
from radiographs.ingest import ArchiveSource, FolderSource, IngestOptions, run
from radiographs.phantom import draw
from radiographs.store.pixel_store import PixelStore
from tests.unit.radiographs.made_dicom import dicom

OPTIONS = IngestOptions(bytes(range(32)))
CANARY = "Mustermann4711"


def chest(index, **elements):
    pixels = draw("normal", seed=9, index=index, size=64).pixels * np.uint16(16)
    usual = {"PatientID": f"{CANARY}-{index // 2}", "WindowCenter": 2048, "WindowWidth": 4096}
    return dicom(pixels, 12, **{key: each for key, each in (usual | elements).items() if each})


@pytest.fixture(scope="module")
def chests():
    """Two classes of twenty images, two of each patient, under names without suffix or with one."""
    return {
        f"{label}/{k:02d}.dcm": chest(start + k, PatientAge=f"{20 + k:03d}Y", PatientSex="F")
        for label, start in (("Normal", 0), ("Sick", 20))
        for k in range(20)
    }


def ingested(files, folder_of, destination, options=OPTIONS):
    return run(FolderSource(folder_of(files)), destination, options)


def groups_of(store):
    found = defaultdict(set)
    for name, group in zip(store.files, store.groups.tolist(), strict=True):
        found[name].add(group)
    return {name: group for name, (group,) in found.items()}


def codes(summary):
    return {warning.code: warning.num_images for warning in summary.warnings}


def test_a_folder_and_a_zip_of_dicom_files_are_one_dataset(
    chests, folder_of, zip_of, destination, tmp_path
):
    summary = ingested(chests, folder_of, destination)
    (tmp_path / "other").mkdir()
    zipped = run(ArchiveSource(zip_of(chests)), tmp_path / "other", OPTIONS)
    assert zipped.fingerprint == summary.fingerprint
    assert summary.bit_depth == 16
    assert summary.dropped == []
    assert codes(summary) == {}


def test_images_of_one_patient_id_stay_together(chests, folder_of, destination):
    chests = chests | {"Normal/07.dcm": chest(7, PatientID=f"{CANARY}-0", IssuerOfPatientID="X")}
    summary = ingested(chests, folder_of, destination)
    groups = groups_of(PixelStore.open(destination))
    assert groups["Normal/00.dcm"] == groups["Normal/01.dcm"] == groups["Normal/07.dcm"]
    assert groups["Normal/00.dcm"] != groups["Normal/02.dcm"]
    assert summary.has_patient_ids


def test_no_name_of_a_patient_is_written(chests, folder_of, destination, tmp_path):
    options = IngestOptions(OPTIONS.key, ledger=tmp_path / "keys" / "identities.npz")
    ingested(chests, folder_of, destination, options)
    written = [*destination.rglob("*"), *(tmp_path / "keys").iterdir()]
    assert not any(CANARY.encode() in path.read_bytes() for path in written if path.is_file())


def test_a_patient_of_a_table_and_of_a_file_is_one(chests, folder_of, destination, encoded):
    rows = [f"{name},{name.split('/')[0]}," for name in chests]
    picture = encoded(draw("effusion", seed=3, index=0, size=64).pixels)
    rows.append(f"Sick/x.png,Sick,{CANARY}-3")
    table = "\n".join(["file,label,patient_id", *rows]).encode()
    ingested(chests | {"Sick/x.png": picture, "labels.csv": table}, folder_of, destination)
    groups = groups_of(PixelStore.open(destination))
    assert groups["Sick/x.png"] == groups["Normal/06.dcm"]


def test_a_patient_of_a_table_is_known_by_the_name_of_the_files_too(
    chests, folder_of, destination, tmp_path
):
    """The second dataset has other images of the same patients, and no table."""
    options = replace(OPTIONS, ledger=tmp_path / "ledger.npz")
    rows = "".join(f"{name},{name[:4]},study{k // 2}\n" for k, name in enumerate(chests))
    files = {**chests, "labels.csv": f"file,label,patient_id\n{rows}".encode()}
    ingested(files, folder_of, destination, options)
    (tmp_path / "second").mkdir()
    (tmp_path / "later").mkdir()
    later = {name: chest(100 + k, PatientID=f"{CANARY}-{k // 2}") for k, name in enumerate(chests)}
    for name, data in later.items():
        path = tmp_path / "second" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    summary = run(FolderSource(tmp_path / "second"), tmp_path / "later", options)
    assert summary.num_known_images == len(later)
    splits = [split_of_pairs(PixelStore.open(place)) for place in (destination, tmp_path / "later")]
    assert splits[0] == splits[1]


def split_of_pairs(store):
    """Return in which split each pair of images of a patient lies."""
    found = defaultdict(set)
    for name, split in zip(store.files, store.splits.tolist(), strict=True):
        found[name[:4], int(name[-6:-4]) // 2].add(split)
    return found


def test_images_of_a_study_stay_together_where_the_patient_is_not_named(folder_of, destination):
    files = {
        f"{label}/{k:02d}.dcm": chest(
            start + k, PatientID="ANONYMOUS", StudyInstanceUID=f"1.2.{(start + k) // 2}"
        )
        for label, start in (("Normal", 0), ("Sick", 20))
        for k in range(20)
    }
    summary = ingested(files, folder_of, destination)
    assert codes(summary)["patients_by_study"] == 40
    assert all(len(splits) == 1 for splits in split_of_pairs(PixelStore.open(destination)).values())


def test_a_study_that_every_file_names_is_none(folder_of, destination):
    files = {
        f"{label}/{k:02d}.dcm": chest(start + k, PatientID="ANONYMOUS", StudyInstanceUID="1.2.3")
        for label, start in (("Normal", 0), ("Sick", 20))
        for k in range(20)
    }
    summary = ingested(files, folder_of, destination)
    assert codes(summary)["patients_unknown"] == 40
    assert not summary.has_patient_ids


def test_files_without_preamble_and_suffix_are_images(chests, folder_of, destination):
    bare = {
        f"{name[:-4]}" if k % 3 else name: data[132:] if k % 3 else data
        for k, (name, data) in enumerate(chests.items())
    }
    summary = ingested(bare, folder_of, destination)
    assert sum(counts["images"] for counts in summary.classes.values()) == len(chests)


def test_a_table_that_contradicts_the_files_is_warned_about(chests, folder_of, destination):
    rows = [f"{name},{name.split('/')[0]},{k}" for k, name in enumerate(chests)]
    table = "\n".join(["file,label,patient_id", *rows]).encode()
    summary = ingested(chests | {"labels.csv": table}, folder_of, destination)
    assert codes(summary) == {"patients_of_files_contradict": 40}
    assert CANARY not in str(summary)


def test_acquisitions_are_kept_in_the_order_of_the_store(chests, folder_of, destination, encoded):
    pictures = {
        f"Sick/p{k}.png": encoded(draw("effusion", seed=3, index=k, size=64).pixels)
        for k in range(2)
    }
    ingested(chests | pictures, folder_of, destination)
    columns = np.load(destination / "acquisitions.npz")
    files = PixelStore.open(destination).files
    expected = [
        np.nan if name.endswith(".png") else 20 + int(name.split("/")[1][:2]) for name in files
    ]
    np.testing.assert_array_equal(columns["age_years"], expected)
    assert {name[-3:]: str(sex) for name, sex in zip(files, columns["sex"], strict=True)} == {
        "dcm": "F",
        "png": "",
    }


def test_a_dataset_without_dicom_files_has_no_acquisitions(two_classes, folder_of, destination):
    ingested(two_classes, folder_of, destination)
    assert not (destination / "acquisitions.npz").exists()


def test_burned_in_annotation_is_left_out_unless_allowed(chests, folder_of, destination, tmp_path):
    chests = chests | {"Sick/b.dcm": chest(41, BurnedInAnnotation="YES")}
    summary = ingested(chests, folder_of, destination)
    assert [(file.file, file.code) for file in summary.dropped] == [
        ("Sick/b.dcm", "burned_in_annotation")
    ]
    (tmp_path / "other").mkdir()
    options = IngestOptions(OPTIONS.key, allow_burned_in_annotation=True)
    summary = ingested(chests, folder_of, tmp_path / "other", options)
    assert summary.dropped == []
    assert codes(summary) == {"burned_in_annotation": 1}


def test_what_is_no_chest_radiograph_is_left_out_by_its_name(chests, folder_of, destination):
    more = {
        f"Normal/more{k:02d}.dcm": chest(100 + k, PatientID=f"{CANARY}-more{k}") for k in range(40)
    }
    others = {
        "Sick/ct.dcm": chest(50, Modality="CT"),
        "Sick/knee.dcm": chest(51, BodyPartExamined="KNEE"),
        "Sick/frames.dcm": chest(52, NumberOfFrames=2),
        "Sick/DICOMDIR": b"left by a burner of disks",
    }
    summary = ingested(chests | more | others, folder_of, destination)
    assert {file.file: file.code for file in summary.dropped} == {
        "Sick/ct.dcm": "other_modality",
        "Sick/knee.dcm": "other_body_part",
        "Sick/frames.dcm": "multi_frame",
    }


def test_remarks_become_warnings_with_their_counts(chests, folder_of, destination):
    odd = {
        "Sick/00.dcm": chest(20, Modality="OT"),
        "Sick/01.dcm": chest(21, WindowCenter=None, WindowWidth=None),
        "Sick/02.dcm": chest(22, PresentationIntentType="FOR PROCESSING"),
    }
    summary = ingested(chests | odd, folder_of, destination)
    assert codes(summary) == {
        "modality_unknown": 1,
        "window_missing": 1,
        "not_for_presentation": 1,
    }


def test_strict_refuses_a_set_for_its_warnings(chests, folder_of, destination):
    odd = {"Sick/00.dcm": chest(20, Modality="OT")}
    options = IngestOptions(OPTIONS.key, strict=True)
    with pytest.raises(IngestRefused) as caught:
        ingested(chests | odd, folder_of, destination, options)
    assert caught.value.code == "warnings_refused"


def test_a_header_that_lies_behind_megabytes_is_found(chests, folder_of, destination):
    whole = chests["Sick/00.dcm"]
    at = whole.index(b"\xe0\x7f\x10\x00")
    private = b"\x01\x60\x10\x00OB\0\0" + (5 << 20).to_bytes(4, "little") + bytes(5 << 20)
    summary = ingested(
        chests | {"Sick/00.dcm": whole[:at] + private + whole[at:]}, folder_of, destination
    )
    assert summary.dropped == []
