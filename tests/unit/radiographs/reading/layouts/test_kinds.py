"""What hospitals have: an input is read rightly, refused by name, or read with a warning."""

from __future__ import annotations

import os
import struct
import unicodedata
import zipfile
import zlib

import numpy as np
import pytest

from radiographs.errors import IngestRefused
from radiographs.ingest import ArchiveSource, FolderSource, IngestOptions, run
from radiographs.reading.archive import ArchiveTree
from radiographs.reading.file_tree import FolderTree
from radiographs.reading.layouts import find_images
from radiographs.store.pixel_store import PixelStore
from tests.unit.radiographs.reading.layouts.made_trees import (
    PNG,
    classes,
    codes,
    images,
    labels,
    table,
)

OPTIONS = IngestOptions(bytes(32))


# Folders


@pytest.mark.parametrize(
    "litter",
    [
        *("@eaDir/1.png/SYNOPHOTO_THUMB_M.jpg", "#recycle/1.png", "$RECYCLE.BIN/S-1/1.png"),
        *("System Volume Information/1.png", "lost+found/1.png", ".Trash-1000/files/1.png"),
        *("__MACOSX/a/._1.png", "@Recycle/1.png", "#snapshot/a/1.png", "RECYCLER/1.png"),
        *("a/.thumbnails/1.png", "THUMBS.DB", "~$labels.xlsx", "a/@EADIR/1.png"),
    ],
)
@pytest.mark.parametrize("wrapped", ["", "cxr/"])
def test_what_systems_leave_behind_is_passed_over(listed, litter, wrapped):
    files = {wrapped + name: data for name, data in {**classes(a=8, b=8), litter: PNG}.items()}
    listing = listed(files)
    assert len(listing.images) == 16
    assert listing.dropped == []


@pytest.mark.parametrize(
    "folder", ["Masks", "mask", "lung_masks", "Infection masks", "ManualMask", "Segmentation"]
)
def test_masks_are_no_images_whatever_their_folder_is_called(listed, folder):
    files = {**classes(a=8, b=8), **images(*(f"a/{folder}/{k}.png" for k in range(8)))}
    assert len(listed(files).images) == 16


def test_a_mask_beside_its_image_is_no_image(listed):
    assert len(listed({**classes(a=8, b=8), **images("a/0_mask.png", "b/1-Mask.png")}).images) == 16


@pytest.mark.parametrize("inner", ["Images", "IMAGES", "img", "images/png"])
def test_a_folder_of_images_below_a_class_may_be_called_in_several_ways(listed, inner):
    names = [f"{label}/{inner}/{k}.png" for label in "ab" for k in range(8)]
    assert set(labels(listed(images(*names))).values()) == {"a", "b"}


@pytest.mark.parametrize(
    "splits", [("train", "test"), ("Training", "Validation"), ("fold1", "fold2")]
)
def test_splits_are_joined_and_said(listed, splits):
    names = [f"set/{split}/{label}/{k}.png" for split in splits for label in "ab" for k in range(4)]
    listing = listed(images(*names))
    assert set(labels(listing).values()) == {"a", "b"}
    assert codes(listing) == ["splits_joined"]


@pytest.mark.parametrize(
    "splits", [("train", "test"), ("train", "val", "test"), ("TRAIN", "valid")]
)
def test_splits_alone_are_no_classes(refused, splits):
    error = refused(images(*(f"{split}/{k}.png" for split in splits for k in range(8))))
    assert error.code == "no_labels"
    assert "split" in error.message


@pytest.mark.parametrize(
    "folders",
    [("images_001", "images_002"), ("batch1", "batch2"), ("Part A", "Part B"), ("p10", "p11")],
)
def test_numbered_parts_are_no_classes(refused, folders):
    error = refused(images(*(f"{folder}/{k}.png" for folder in folders for k in range(8))))
    assert error.code == "no_labels"


def test_numbers_alone_are_classes(listed):
    names = [f"{label}/{k}.png" for label in (0, 1) for k in range(8)]
    assert set(labels(listed(images(*names))).values()) == {"0", "1"}


@pytest.mark.parametrize("stray", ["preview.png", "cxr/preview.png", "docs/figures/a/plot.png"])
def test_a_stray_image_decides_nothing(listed, stray):
    files = {f"cxr/{name}": data for name, data in classes(a=20, b=20).items()}
    listing = listed({**files, **images(stray)})
    assert set(labels(listing).values()) == {"a", "b"}
    assert len(listing.images) == 40
    assert [file.file for file in listing.dropped] == [stray]


def test_folders_that_differ_in_case_are_one_class_and_said(listed):
    names = [
        f"{split}/{k}.png"
        for split in ("train/Normal", "test/NORMAL", "train/Sick")
        for k in range(8)
    ]
    listing = listed(images(*names))
    assert set(labels(listing).values()) == {"NORMAL", "Sick"}
    assert "labels_merged" in codes(listing)


def test_a_folder_that_cannot_be_opened_is_said(listed, folder_of, monkeypatch):
    folder = folder_of({**classes(a=8, b=8), **images("c/1.png")})
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("/c/"):
            raise PermissionError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert codes(find_images(FolderTree(folder))) == ["folders_closed"]


# Files


@pytest.mark.parametrize(
    "name", ["IM000000", "1.2.840.113619.2.5", "scan.IMA", "x.png.bak", "I.001"]
)
def test_an_image_is_recognised_by_its_content_where_its_name_says_nothing(listed, name):
    assert f"a/{name}" in labels(listed({**classes(a=8, b=8), f"a/{name}": PNG}))


@pytest.mark.parametrize("name", ["notes", "report.docx", "a.pdf", "CHANGES"])
def test_what_is_no_image_is_passed_over(listed, name):
    listing = listed({**classes(a=8, b=8), f"a/{name}": b"text"})
    assert len(listing.images) == 16
    assert listing.dropped == []


def test_a_link_without_a_suffix_that_leads_out_is_named(folder_of, tmp_path):
    folder = folder_of(classes(a=8, b=8))
    (tmp_path / "elsewhere").mkdir()
    (folder / "c").symlink_to(tmp_path / "elsewhere")
    (dropped,) = find_images(FolderTree(folder)).dropped
    assert (dropped.file, dropped.code) == ("c", "outside_folder")


# Tables


@pytest.mark.parametrize(
    "name", ["labels.csv", "LABELS.CSV", "Labels.Csv", "labels.tsv", "set/labels.csv"]
)
def test_the_table_of_labels_is_found_whatever_its_case(listed, name):
    between = "\t" if name.endswith("tsv") else ","
    rows = [between.join((f"batch{1 + k % 2}/{k}.png", "ab"[k % 2])) for k in range(16)]
    folder = name[: name.rfind("/") + 1]
    files = images(*(f"{folder}batch{1 + k % 2}/{k}.png" for k in range(16)))
    listing = listed({**files, name: table(between.join(("file", "label")), *rows)})
    assert set(labels(listing).values()) == {"a", "b"}


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("Image Name,Diagnosis", "{k}.png"),
        ("filename,class", "{k}.png"),
        ("PATH,Label", "C:\\data\\{k}.png"),
        ("image_id,finding", "{k}"),
        ("id,target", "{k}"),
    ],
)
def test_a_table_under_any_name_that_names_the_images_is_read(listed, head, name):
    rows = [f"{name.format(k=k)},{'ab'[k % 2]}" for k in range(16)]
    files = {
        **images(*(f"batch{1 + k % 2}/{k}.png" for k in range(16))),
        "my export.csv": table(head, *rows),
    }
    assert set(labels(listed(files)).values()) == {"a", "b"}


@pytest.mark.parametrize("suffix", ["xls", "ods", "json", "parquet"])
def test_labels_in_a_format_that_is_not_read_are_named(refused, suffix):
    error = refused({**classes(a=8, b=8), f"labels.{suffix}": b"x"})
    assert error.code == "labels_invalid"
    assert suffix in error.message


def test_folders_are_no_classes_where_a_table_that_is_not_understood_names_the_images(refused):
    rows = [f"{label}/{k}.png,x,y" for label in "ab" for k in range(8)]
    error = refused({**classes(a=8, b=8), "study.csv": table("image_no,Befundung,Arm", *rows)})
    assert error.code == "labels_invalid"
    assert "Befundung" in error.files[0]
    assert "Befundung" not in error.message


def test_a_table_of_patients_that_may_also_say_labels_is_refused(refused):
    rows = [f"{label}/{k}.png,P{k},x" for label in "ab" for k in range(8)]
    error = refused({**classes(a=8, b=8), "study.csv": table("image,patient_id,Arm", *rows)})
    assert error.code == "labels_invalid"


def test_a_table_of_sizes_beside_the_folders_is_passed_over(listed):
    rows = [f"{label}/{k}.png,PNG,256" for label in "ab" for k in range(8)]
    listing = listed({**classes(a=8, b=8), "files.csv": table("file name,format,size", *rows)})
    assert set(labels(listing).values()) == {"a", "b"}


def test_a_small_table_beside_the_folders_decides_nothing(listed):
    rows = [f"a/{k}.png,worse" for k in range(3)]
    listing = listed({**classes(a=20, b=20), "annotations.csv": table("file,label", *rows)})
    assert set(labels(listing).values()) == {"a", "b"}
    assert "table_not_used" in codes(listing)


def test_patients_are_read_from_a_table_without_labels(listed):
    rows = [f"{label}/{k}.png,P{k}" for label in "ab" for k in range(8)]
    listing = listed({**classes(a=8, b=8), "patients.csv": table("image,Subject ID", *rows)})
    assert {image.patient_id for image in listing.images} == {f"p{k}" for k in range(8)}
    assert listing.patient_source == "column Subject ID"


def test_two_tables_that_contradict_are_refused(refused):
    rows = [f"{k}.png,{'ab'[k % 2]}" for k in range(16)]
    other = [f"{k}.png,{'ba'[k % 2]}" for k in range(16)]
    files = images(*(f"{k}.png" for k in range(16)))
    error = refused(
        {**files, "one.csv": table("file,label", *rows), "two.csv": table("file,label", *other)}
    )
    assert error.code == "labels_invalid"
    assert "one.csv" in error.files[0]
    assert "two.csv" in error.files[0]


def test_two_tables_that_agree_are_one_set(listed):
    rows = [f"{k}.png,{'ab'[k % 2]}" for k in range(16)]
    files = images(*(f"{k}.png" for k in range(16)))
    both = {"one.csv": table("file,label", *rows), "two.csv": table("file,label", *rows)}
    assert len(listed({**files, **both}).images) == 16


def test_a_table_that_contradicts_the_folders_is_taken_and_said(listed):
    rows = [f"{label}/{k}.png,{'a' if k == 0 else label}" for label in "ab" for k in range(8)]
    listing = listed({**classes(a=8, b=8), "manifest.csv": table("path,class", *rows)})
    assert labels(listing)["b/0.png"] == "a"
    assert codes(listing) == ["folders_contradict"]


def test_a_table_of_another_set_is_said_to_name_none(refused):
    error = refused({**images("a/1.png"), "labels.csv": table("file,label", "x.png,a", "y.png,b")})
    assert error.code == "no_images"
    assert "2 files" in error.message
    assert "none is there" in error.message
    assert any("a/1.png" in line for line in error.files)


def test_of_several_columns_of_files_the_one_that_names_the_images_is_read(listed):
    rows = [f"orig{k}.jpg,{k}.png,{'ab'[k % 2]}" for k in range(16)]
    files = images(*(f"{k}.png" for k in range(16)))
    listing = listed({**files, "data.csv": table("filename,path,label", *rows)})
    assert len(listing.images) == 16


def test_images_that_lie_too_deep_are_refused_with_that_reason(refused):
    files = images(*(f"{label}/patient{k}/1.png" for label in "ab" for k in range(8)))
    error = refused(files)
    assert error.code == "no_images"
    assert "deeper" in error.message


# How a table spells the names of images


@pytest.mark.parametrize(
    ("written", "there"),
    [
        ("scan", "scan.png"),
        ("scan.PNG", "scan.png"),
        ("SCAN.png", "scan.png"),
        ("scan.dcm", "scan.png"),
        ("set/scan.png", "scan.png"),
        ("D:\\export\\scan.png", "scan.png"),
        ("/mnt/x/scan.png", "deep/er/scan.png"),
        ("1.2.840.5", "1.2.840.5.png"),
        (unicodedata.normalize("NFC", "Röntgen.png"), unicodedata.normalize("NFD", "Röntgen.png")),
        (unicodedata.normalize("NFD", "Röntgen.png"), unicodedata.normalize("NFC", "Röntgen.png")),
    ],
)
def test_an_image_is_found_where_one_fits(listed, written, there):
    files = {
        **images(there, "other.png"),
        "labels.csv": table("file,label", f"{written},a", "other.png,b"),
    }
    listing = listed(files)
    assert labels(listing)[there] == "a"
    assert codes(listing) == ["names_resolved"]


def test_where_two_images_fit_none_is_taken(listed):
    files = images("a/scan.png", "b/scan.png", "other.png")
    listing = listed({**files, "labels.csv": table("file,label", "scan,x", "other.png,y")})
    assert list(labels(listing)) == ["other.png"]
    assert {file.code for file in listing.dropped} == {"missing", "unlabelled"}


def test_the_nearest_of_several_is_taken(listed):
    files = images("data/a/1.png", "data/b/1.png")
    rows = ("C:/x/a/1.png,x", "C:/x/b/1.png,y")
    assert labels(listed({**files, "labels.csv": table("file,label", *rows)})) == {
        "data/a/1.png": "x",
        "data/b/1.png": "y",
    }


# Labels


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("Normal", "normal", True),
        ("No Finding", "no_finding", True),
        ("COVID-19", "Covid 19", True),
        ("COVID19", "COVID-19", True),
        ("1", "1.0", True),
        ("2.50", "2.5", True),
        ("A|B", "B|A", True),
        ("A; B", "B;A", True),
        ("mild, left", "left, mild", True),
        ("grade 1.5", "grade 15", False),
        ("T1", "T-2", False),
        ("A|B", "A", False),
        ("1", "10", False),
        ("1 0", "10", False),
    ],
)
def test_spellings_of_one_label_are_one_class_and_said(listed, first, second, one):
    rows = [f'{k}.png,"{(first, second)[k % 2]}"' for k in range(16)]
    files = {**images(*(f"{k}.png" for k in range(16))), "labels.csv": table("file,label", *rows)}
    listing = listed(files)
    assert len(set(labels(listing).values())) == (1 if one else 2)
    assert ("labels_merged" in codes(listing)) == one


# Patients


@pytest.mark.parametrize(
    "column",
    [
        *("Patient ID", "PATIENT_ID", "patientId", "subject_id", "PatientNumber", "MRN", "mrn"),
        *("Patient-Nr", "pat_id", "Subject", "pseudonym", "Hospital Patient Number", "patient"),
        *("PatientUID", "study subject id"),
    ],
)
def test_a_column_that_plainly_means_the_patient_is_read(listed, column):
    rows = [f"{k}.png,{'ab'[k % 2]},P{k // 4}" for k in range(16)]
    files = images(*(f"{k}.png" for k in range(16)))
    listing = listed({**files, "labels.csv": table(f"file,label,{column}", *rows)})
    assert {image.patient_id for image in listing.images} == {"p0", "p1", "p2", "p3"}


@pytest.mark.parametrize("column", ["Patient Age", "PatientSex", "patient_position", "inpatient"])
def test_what_a_table_says_of_the_patient_is_no_patient(listed, column):
    rows = [f"{k}.png,{'ab'[k % 2]},7" for k in range(16)]
    files = images(*(f"{k}.png" for k in range(16)))
    listing = listed({**files, "labels.csv": table(f"file,label,{column}", *rows)})
    assert {image.patient_id for image in listing.images} == {None}


def patients(listed, cells):
    rows = [f"{k}.png,{'ab'[k % 2]},{cell}" for k, cell in enumerate(cells)]
    files = images(*(f"{k}.png" for k in range(len(cells))))
    listing = listed({**files, "labels.csv": table("file,label,patient_id", *rows)})
    of = {image.name: image.patient_id for image in listing.images}
    return [of[f"{k}.png"] for k in range(len(cells))], codes(listing)


@pytest.mark.parametrize("cells", [("3", "3.0"), ("003", "3"), ("Doe", "doe "), ("\uff211", "a1")])
def test_spellings_of_one_patient_are_one(listed, cells):
    found, _ = patients(listed, cells)
    assert found[0] == found[1] is not None


@pytest.mark.parametrize("word", ["unknown", "NA", "nan", "None", "-", "n/a", "Anonymous", "?"])
def test_a_word_for_nobody_is_nobody_and_said(listed, word):
    found, warned = patients(listed, ["p1", "p1", *[word] * 14])
    assert found == ["p1", "p1", *[None] * 14]
    assert warned == ["patients_unknown"]


def test_the_number_0_is_nobody_where_most_images_have_it_and_else_a_patient(listed):
    found, warned = patients(listed, ["0"] * 12 + ["1", "1", "2", "2"])
    assert found[0] is None
    assert warned == ["patients_unknown"]


def test_the_number_0_is_a_patient_among_others(listed):
    found, warned = patients(listed, [str(k // 2) for k in range(16)])
    assert found[0] == found[1] == "0"
    assert warned == []


def test_numbers_that_a_spreadsheet_rounded_are_said(listed):
    _, warned = patients(listed, ["1.23457E+11"] * 8 + [f"p{k}" for k in range(8)])
    assert warned == ["patients_rounded"]


def test_a_study_stands_for_a_patient_where_none_is_named_and_that_is_said(listed):
    rows = [f"{k}.png,{'ab'[k % 2]},s{k // 2}" for k in range(16)]
    files = images(*(f"{k}.png" for k in range(16)))
    listing = listed({**files, "labels.csv": table("file,label,study_id", *rows)})
    assert len({image.patient_id for image in listing.images}) == 8
    assert codes(listing) == ["patients_by_study"]


# Archives


def raw_zip(path, names, flags=0, method=8):
    """Write a ZIP whose names are these very bytes."""
    body, directory = b"", b""
    for name in names:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(PNG) + packer.flush()
        sizes = (zlib.crc32(PNG), len(packed), len(PNG), len(name))
        fixed = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0x5A21, *sizes, 0)
        directory += b"PK\1\2\x14\0" + fixed + bytes(10) + struct.pack("<I", len(body)) + name
        body += b"PK\3\4" + fixed + name + packed
    count = len(names)
    end = struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    path.write_bytes(body + directory + b"PK\5\6" + end)
    return ArchiveTree(path)


def both(folder, encoding):
    return [f"{label}/{k}.png".encode(encoding) for label in (folder, "other") for k in range(8)]


@pytest.mark.parametrize("label", ["Neumonía", "Épanchement", "肺炎", "Größe"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_utf8_are_read_without_the_flag_of_utf8(tmp_path, label, form):
    tree = raw_zip(tmp_path / "x.zip", both(unicodedata.normalize(form, label), "utf-8"))
    listing = find_images(tree)
    assert set(labels(listing).values()) == {label, "other"}
    assert codes(listing) == []


@pytest.mark.parametrize("encoding", ["cp437", "cp850"])
def test_names_of_windows_are_read_where_its_code_pages_agree_and_that_is_said(tmp_path, encoding):
    listing = find_images(raw_zip(tmp_path / "x.zip", both("Größe ñ é", encoding)))
    assert set(labels(listing).values()) == {"Größe ñ é", "other"}
    assert codes(listing) == ["names_of_a_code_page"]


@pytest.mark.parametrize(("label", "encoding"), [("Neumonía", "latin-1"), ("норма", "cp1251")])
def test_a_class_whose_name_cannot_be_read_is_refused_readably(tmp_path, label, encoding):
    with pytest.raises(IngestRefused) as caught:
        find_images(raw_zip(tmp_path / "x.zip", both(label, encoding)))
    assert caught.value.code == "labels_invalid"
    assert "UTF-8" in caught.value.message
    assert "\\x" in caught.value.files[0]


def test_an_image_whose_name_cannot_be_read_is_read_all_the_same(tmp_path):
    names = [*both("a", "utf-8"), "a/í.png".encode("latin-1")]
    assert len(find_images(raw_zip(tmp_path / "x.zip", names)).images) == 17


@pytest.mark.parametrize(
    ("method", "said"), [(9, "Deflate64"), (12, "bzip2"), (14, "LZMA"), (93, "Zstandard")]
)
def test_a_method_that_is_not_read_is_named_with_a_way_that_works(tmp_path, method, said):
    with pytest.raises(IngestRefused) as caught:
        raw_zip(tmp_path / "x.zip", both("a", "utf-8"), method=method)
    assert caught.value.code == "not_a_zip"
    assert said in caught.value.message
    assert "datasets add FOLDER" in caught.value.message


@pytest.mark.parametrize("name", ["export.log", "notes.txt", "backup.zip", "movie.db"])
def test_what_is_never_read_may_pack_as_well_as_it_likes(zip_of, name):
    tree = ArchiveTree(zip_of({**classes(a=8, b=8), name: bytes(5 << 20)}))
    assert len(find_images(tree).images) == 16


def test_an_oddly_named_file_that_packs_too_well_is_not_unpacked(zip_of, images, destination):
    files = {
        f"{label}/{k}.png": images[k + 20 * (label == "b")] for label in "ab" for k in range(20)
    }
    files["a/odd"] = PNG + bytes(5 << 20)
    summary = run(ArchiveSource(zip_of(files)), destination, OPTIONS)
    assert [(file.file, file.code) for file in summary.dropped] == [("a/odd", "corrupt")]


# Grey values


def of_range(images, encoded, top, every=1):
    """Return images of 16 bits whose white is `top`; all, or one of `every`."""
    import io

    from PIL import Image

    files = {}
    for k, data in enumerate(images[:32]):
        grey = np.asarray(Image.open(io.BytesIO(data))).astype(float)
        white = top if k % every == 0 else 65535
        pixels = (grey / grey.max() * white).round().astype(np.uint16)
        files[f"{'ab'[k // 16]}/{k}.png"] = encoded(pixels)
    return files


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
def test_a_range_of_any_bits_is_spread_alike_over_the_whole_set(
    folder_of, images, encoded, destination, bits
):
    files = of_range(images, encoded, 2**bits - 1)
    summary = run(FolderSource(folder_of(files)), destination, OPTIONS)
    assert [warning.code for warning in summary.warnings] == ["grey_range_narrow"]
    assert f"{bits} bits" in summary.warnings[0].detail
    store = PixelStore.open(destination)
    assert store.pixels.max() == 65535
    assert len(np.unique(store.pixels[0])) > 100


def test_eight_bits_of_twelve_keep_their_values(folder_of, images, encoded, destination):
    options = IngestOptions(bytes(32), bit_depth=8)
    run(FolderSource(folder_of(of_range(images, encoded, 4095))), destination, options)
    pixels = PixelStore.open(destination).pixels
    assert pixels.dtype == np.uint8
    assert pixels.max() == 255
    assert len(np.unique(pixels)) > 150


def test_a_full_range_is_left_as_it_is(folder_of, images, encoded, destination):
    summary = run(FolderSource(folder_of(of_range(images, encoded, 65535))), destination, OPTIONS)
    assert summary.warnings == []


def test_a_class_of_another_range_is_refused(folder_of, images, encoded, destination):
    full, narrow = (of_range(images, encoded, top) for top in (65535, 4095))
    files = {name: (full if name.startswith("a") else narrow)[name] for name in full}
    with pytest.raises(IngestRefused) as caught:
        run(FolderSource(folder_of(files)), destination, OPTIONS)
    assert caught.value.code == "grey_range_differs"


def test_images_of_another_range_in_every_class_are_said(folder_of, images, encoded, destination):
    files = of_range(images, encoded, 4095, every=4)
    summary = run(FolderSource(folder_of(files)), destination, OPTIONS)
    assert [(warning.code, warning.num_images) for warning in summary.warnings] == [
        ("grey_ranges_mixed", 8)
    ]


# Copies


def test_copies_of_different_labels_are_left_out_and_named(zip_of, two_classes, destination):
    two_classes["Normal/copy.png"] = two_classes["Sick/03.png"]
    summary = run(ArchiveSource(zip_of(two_classes)), destination, OPTIONS)
    assert {file.file: file.code for file in summary.dropped} == {
        "Normal/copy.png": "labels_contradict",
        "Sick/03.png": "labels_contradict",
    }
    assert "copies_contradict" in [warning.code for warning in summary.warnings]
    assert "Sick/03.png" not in PixelStore.open(destination).files


def test_a_set_that_contradicts_itself_in_many_images_is_refused(zip_of, two_classes, destination):
    for k in range(14):
        two_classes[f"Normal/copy{k}.png"] = two_classes[f"Sick/{k:02d}.png"]
    with pytest.raises(IngestRefused) as caught:
        run(ArchiveSource(zip_of(two_classes)), destination, OPTIONS)
    assert caught.value.code == "labels_contradict"
    assert caught.value.files


def test_zip_reads_as_zipfile_writes_other_names(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name in classes(Größe=8, b=8):
            archive.writestr(name, PNG)
    assert codes(find_images(ArchiveTree(tmp_path / "x.zip"))) == []
