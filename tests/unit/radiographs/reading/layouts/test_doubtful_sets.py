"""What is easily read wrongly without a word: tables and folders that say less than it seems."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.unit.radiographs.reading.layouts.made_trees import (
    PNG,
    classes,
    codes,
    images,
    labelled,
    labels,
    table,
)


def of(listing):
    """Return the patients of images by name."""
    return {image.name: image.patient_id for image in listing.images}


# A table beside class folders


def test_base_names_of_several_class_folders_are_found_by_the_label(listed):
    rows = [f"{k}.png,{label},P{k}{label}" for label in ("Normal", "Sick") for k in range(8)]
    listing = listed({**classes(NORMAL=8, Sick=8), "data.csv": table("file,class,pid", *rows)})
    assert len(listing.images) == 16
    assert of(listing)["NORMAL/3.png"] == "p3normal"
    assert codes(listing) == ["names_resolved"]


@pytest.mark.parametrize("head", ["patient_id,file", "file,patient_id"])
def test_numbers_of_patients_that_are_names_of_images_too_are_not_taken_for_these(listed, head):
    cells = {"patient_id": "{k}", "file": "scan{k}"}
    rows = [
        ",".join(cells[each] for each in head.split(",")).format(k=k)
        for k in (0, 0, 1, 1, 2, 2, 3, 3)
    ]
    files = images(
        *(
            f"{label}/{name}{k}.png"
            for label in "ab"
            for name in ("", "scan")
            for k in range(4)
            if (k % 2 == 0) == (label == "a")
        )
    )
    listing = listed({**files, "who.csv": table(head, *rows)})
    assert of(listing)["a/scan2.png"] == "2"
    assert of(listing)["a/2.png"] is None
    assert "patients_unknown" in codes(listing)


def test_images_whose_names_fit_several_have_no_patient_and_that_is_said(listed):
    rows = [f"{k}.png,P{k}" for k in range(8)]
    listing = listed({**classes(a=8, b=8), "who.csv": table("file,patient_id", *rows)})
    assert set(of(listing).values()) == {None}
    assert [(each.code, each.num_images) for each in listing.warnings] == [("patients_unknown", 16)]


def test_a_table_of_a_larger_set_gives_its_patients(listed):
    rows = [f"other{k}.png,P" for k in range(3000)] + [f"a{k}.png,P{k}" for k in range(8)]
    files = images(*(f"{label}/{label}{k}.png" for label in "ab" for k in range(8)))
    rows += [f"b{k}.png,P{k}" for k in range(8)]
    listing = listed({**files, "who.csv": table("file,patient_id", *rows)})
    assert of(listing)["b/b7.png"] == "p7"


@pytest.mark.parametrize("split_in_two", [True, False])
def test_two_patients_of_one_image_are_refused(refused, split_in_two):
    rows = [f"{label}/{k}.png,P{k}" for label in "ab" for k in range(8)]
    other = [rows[0].replace("P0", "P1")]
    tables = {"one.csv": table("file,patient_id", *rows, *([] if split_in_two else other))}
    if split_in_two:
        tables["two.csv"] = table("file,patient_id", *other)
    error = refused({**classes(a=8, b=8), **tables})
    assert error.code == "labels_invalid"
    assert "another patient" in error.message


# Columns


@pytest.mark.parametrize("column", ["class", "category", "target"])
@pytest.mark.parametrize(
    "others", [("train", "test"), ("TRAIN", "val"), ("PA", "LATERAL"), ("AP", "PA")]
)
def test_a_column_of_splits_or_views_is_not_taken_for_the_label(listed, column, others):
    rows = [f"{{k}}.png,{others[j % 2]},{'ab'[j // 2]}" for j in range(4)]
    listing = listed(labelled(f"file,{column},diagnosis", *rows))
    assert set(labels(listing).values()) == {"a", "b"}
    assert "label_column_unclear" not in codes(listing)


def test_labels_that_only_say_splits_are_refused(refused):
    error = refused(labelled("file,label", "{k}.png,train", "{k}.png,test"))
    assert error.code == "no_labels"
    assert "split" in error.message


def test_labels_that_only_say_views_are_said(listed):
    assert "labels_doubtful" in codes(listed(labelled("file,label", "{k}.png,PA", "{k}.png,AP")))


@pytest.mark.parametrize("column", ["split", "dataset", "subset", "fold", "view", "partition"])
def test_a_column_of_something_else_beside_class_folders_is_passed_over(listed, column):
    rows = [f"{label}/{k}.png,{'xy'[k % 2]}" for label in "ab" for k in range(8)]
    listing = listed({**classes(a=8, b=8), "data.csv": table(f"file,{column}", *rows)})
    assert set(labels(listing).values()) == {"a", "b"}
    assert codes(listing) == []


def test_the_second_column_of_labels_is_said_where_it_says_more(listed):
    same = listed(labelled("file,label,class", "{k}.png,0,sick", "{k}.png,1,well"))
    assert codes(same) == []
    rows = ("{k}.png,0,sick", "{k}.png,1,well", "{k}.png,1,worse")
    assert codes(listed(labelled("file,label,class", *rows))) == ["label_column_unclear"]


@pytest.mark.parametrize(
    "head",
    [
        *(
            "archivo;diagnóstico;id_paciente",
            "Dateiname;Befund;Patienten-Nr",
            "fichier;étiquette;ID patient",
        ),
        *("文件名;诊断;患者ID", "arquivo;laudo;paciente", "immagine;diagnosi;paziente"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_columns_of_other_languages_are_read(listed, head, encoding):
    rows = [f"{k}.png;{'ab'[k % 2]};{k // 2}" for k in range(16)]
    files = images(*(f"batch{1 + k % 2}/{k}.png" for k in range(16)))
    content = table(head, *rows).decode().encode(encoding)
    listing = listed({**files, "export.csv": content})
    assert set(labels(listing).values()) == {"a", "b"}
    assert of(listing)["batch2/3.png"] == "1"


@pytest.mark.parametrize("column", ["View Position", "view", "Projection"])
def test_lateral_views_in_a_table_are_counted(listed, column):
    rows = ("{k}.png,a,PA", "{k}.png,b,AP", "{k}.png,a,LATERAL", "{k}.png,b,PA")
    listing = listed(labelled(f"file,label,{column}", *rows))
    assert [(each.code, each.num_images) for each in listing.warnings] == [("lateral_views", 4)]


# Tables without a header row


@pytest.mark.parametrize(
    "row",
    [
        *("{k}.png,{label},DOE^JANE{k}", "{k},{label},DOE^JANE{k}", "{label}/{k}.png,DOE^JANE,{k}"),
        *("DOE^JANE,{label},{k}.png", "{k}.png,DOE^JANE{k}"),
    ],
)
@pytest.mark.parametrize("name", ["labels.csv", "export.csv"])
def test_a_table_without_a_header_row_is_refused_and_not_quoted(refused, row, name):
    files = images(*(f"{'ab'[k % 2]}/{k}.png" for k in range(16)))
    rows = [row.format(k=k, label="ab"[k % 2]) for k in range(16)]
    error = refused({**files, name: table(*rows)})
    assert error.code == "labels_invalid"
    assert "no header row" in error.message
    assert "DOE" not in str((error.message, error.files))


@pytest.mark.parametrize("name", ["labels.csv", "export.csv"])
@pytest.mark.parametrize("title", ["Study of Dr Roe,,", "Dr Roe,2020,"])
def test_a_table_under_a_title_is_refused_and_the_title_is_not_quoted(refused, name, title):
    rows = [title, "file,label,patient", *(f"{k}.png,a,{k}" for k in range(8))]
    error = refused({**images(*(f"x/{k}.png" for k in range(8))), name: table(*rows)})
    assert "no header row" in error.message
    assert "Roe" not in str((error.message, error.files))


def test_a_title_of_another_width_is_not_quoted_either(refused):
    rows = ["Study of Dr Roe", "file,label", *(f"{k}.png,a" for k in range(8))]
    error = refused({**images("0.png"), "labels.csv": table(*rows)})
    assert "Roe" not in str((error.message, error.files))


def test_a_table_whose_last_suffix_windows_hides_is_read(listed):
    rows = [f"{k}.png,{'ab'[k % 2]}" for k in range(16)]
    files = images(*(f"batch{k % 2}/{k}.png" for k in range(16)))
    listing = listed({**files, "labels.csv.txt": table("file,label", *rows)})
    assert set(labels(listing).values()) == {"a", "b"}


def test_a_column_of_names_may_be_the_patient_and_that_is_said(listed):
    rows = ("{k}.png,a,Doe", "{k}.png,b,Roe")
    assert codes(listed(labelled("file,label,Name", *rows))) == ["patient_column_unclear"]


# Labels


@pytest.mark.parametrize(
    "word", ["nan", "unknown", "Unknown", "n/a", "?", "-", "none", "NULL", "unbekannt"]
)
def test_a_word_for_no_label_is_none(listed, word):
    listing = listed(labelled("file,label", "{k}.png,No Finding", "{k}.png,b", f"{{k}}.png,{word}"))
    assert set(labels(listing).values()) == {"No Finding", "b"}
    assert {file.code for file in listing.dropped} == {"unlabelled"}


@pytest.mark.parametrize("folder", ["unknown", "nan", "n-a", "Unlabeled"])
def test_a_folder_for_no_label_is_no_class(listed, folder):
    listing = listed({**classes(a=8, b=8), **images(f"{folder}/1.png")})
    assert (set(labels(listing).values()) == {"a", "b"}) == (folder != "n-a")


@pytest.mark.parametrize(
    "other", ["Neumonia", "NEUMONIA ", "neumoní\u0301a".replace("í\u0301", "i\u0301")]
)
def test_accents_do_not_make_two_classes(listed, other):
    listing = listed(labelled("file,label", "{k}.png,Neumonía", f"{{k}}.png,{other}", "{k}.png,x"))
    assert len(set(labels(listing).values())) == 2


@pytest.mark.parametrize(
    "copy", ["Normal (1)", "normal_2", "Normal - Copy", "Normal - Kopie (2)", "Copy of Normal"]
)
def test_a_class_that_is_called_as_a_copy_is_said(listed, copy):
    listing = listed({**classes(Normal=8, Sick=8), **images(f"{copy}/1.png")})
    (warning,) = listing.warnings
    assert warning.code == "labels_doubtful"
    assert copy in warning.detail


def test_grades_are_no_copies(listed):
    assert codes(listed({**classes(grade_1=8, grade_2=8)})) == []


# Folders


@pytest.mark.parametrize(
    "part", ["batch1", "part2", "images_001", "new", "New folder", "Teil 3", "2020-03-01", "site_A"]
)
@pytest.mark.parametrize("place", ["{part}/{label}/{k}.png", "{label}/{part}/{k}.png"])
def test_folders_of_parts_above_and_inside_classes_are_no_classes(listed, part, place):
    names = [place.format(part=part, label=label, k=k) for label in "ab" for k in range(8)]
    listing = listed({**classes(a=8, b=8), **images(*names)})
    assert set(labels(listing).values()) == {"a", "b"}
    assert len(listing.images) == 32


@pytest.mark.parametrize("part", ["batch1", "part2", "images_001", "new", "2019", "augmented"])
def test_a_folder_of_a_part_beside_classes_is_left_out_and_named(listed, part):
    listing = listed({**classes(a=8, b=8), **images(f"{part}/x.png")})
    assert set(labels(listing).values()) == {"a", "b"}
    assert [(file.file, file.code) for file in listing.dropped] == [
        (f"{part}/x.png", "outside_layout")
    ]


def test_folders_of_parts_below_a_wrapping_folder_are_refused(refused):
    error = refused(images(*(f"cxr/batch{j}/{k}.png" for j in (1, 2) for k in range(8))))
    assert error.code == "no_labels"
    assert "batch1" in error.files


@pytest.mark.parametrize(
    "folders", [("patient_1", "patient_2"), ("P001", "P002"), ("1.2.840.1.5", "1.2.840.1.6")]
)
def test_folders_of_patients_are_no_classes(refused, folders):
    error = refused(
        images(
            *(f"{each}/{('normal', 'sick')[k % 2]}_{k}.png" for each in folders for k in range(16))
        )
    )
    assert error.code == "no_labels"
    assert "patients" in error.message


@pytest.mark.parametrize(
    "name",
    [
        *("Thumbs.db", ".DS_Store", "desktop.ini", "README", "a/Thumbs.db", "a/.DS_Store"),
        *("a/README", "a/1.xml", "b/report.xml", "._a", "a/._1.png", "LICENSE.txt"),
    ],
)
def test_files_that_are_no_images_decide_nothing_and_are_not_bad(listed, name):
    listing = listed({**classes(a=8, b=8), name: b"anything"})
    assert (len(listing.images), listing.dropped, listing.warnings) == (16, [], [])


def packed():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/1.png", PNG)
    return file.getvalue()


def test_an_archive_among_the_images_is_said(listed):
    listing = listed({**classes(a=8, b=8), "more/c.zip": packed()})
    assert codes(listing) == ["archives_not_read"]


def test_archives_alone_are_to_be_unpacked(refused):
    error = refused({"a.zip": packed(), "b.zip": packed()})
    assert error.code == "no_images"
    assert "unpack" in error.message


# Patients


@pytest.mark.parametrize("word", ["999999", "0000", "ANONYMOUS", "test", "12345", "Anonymized"])
def test_a_placeholder_of_many_images_is_nobody(listed, word):
    rows = (f"{{k}}.png,a,{word}", f"{{k}}.png,b,{word}", "{k}.png,a,P{k}")
    listing = listed(labelled("file,label,patient_id", *rows, count=24))
    assert sum(patient is None for patient in of(listing).values()) == 16
    assert codes(listing) == ["patients_unknown"]


def test_a_number_of_few_images_is_a_patient_whatever_it_looks_like(listed):
    listing = listed(labelled("file,label,patient_id", "{k}.png,a,9999", "{k}.png,b,P{k}", count=8))
    assert of(listing)["0.png"] == "9999"


def test_nih_without_patients_does_not_claim_them(listed):
    rows = [f"{k}.png,{('No Finding', 'Mass')[k % 2]}" for k in range(16)]
    files = images(*(f"images_00{k % 2}/{k}.png" for k in range(16)))
    data = table("Image Index,Finding Labels", *rows)
    listing = listed({**files, "Data_Entry_2017.csv": data})
    assert listing.patient_source is None
    assert "Finding Labels" in listing.layout
