from __future__ import annotations

import pytest

from radiographs.errors import IngestRefused
from radiographs.reading.archive import ArchiveTree
from radiographs.reading.file_tree import FolderTree
from radiographs.reading.layouts import find_images


@pytest.fixture(params=["folder", "archive"])
def tree_of(request, folder_of, zip_of):
    """The same files in a folder and in an archive are one thing to a layout."""
    if request.param == "folder":
        return lambda files: FolderTree(folder_of(files))
    return lambda files: ArchiveTree(zip_of(files))


def files(*names, **more):
    return {**dict.fromkeys(names, b"pixels"), **more}


def found(listing):
    return [(image.name, image.label) for image in listing.images]


def test_a_folder_per_class_names_the_label(tree_of):
    listing = find_images(tree_of(files("b/1.png", "a/1.JPG", "a/0.jfif", "a/notes.txt")))
    assert found(listing) == [("a/0.jfif", "a"), ("a/1.JPG", "a"), ("b/1.png", "b")]
    assert listing.dropped == []


def test_images_below_a_class_are_found_and_masks_left_alone(tree_of):
    names = ["a/images/1.png", "a/masks/1.png", "b/images/1.png", "b/masks/1.png", "manifest.csv"]
    assert found(find_images(tree_of(files(*names)))) == [
        ("a/images/1.png", "a"),
        ("b/images/1.png", "b"),
    ]


@pytest.mark.parametrize("inner", ["", "images/"])
def test_one_wrapping_folder_is_allowed(tree_of, inner):
    names = [f"set/{label}/{inner}1.png" for label in "ab"]
    assert found(find_images(tree_of(files(*names, "set/README.md")))) == list(
        zip(names, "ab", strict=True)
    )


@pytest.mark.parametrize("name", ["a/1.png", "a/images/1.png"])
def test_a_single_class_is_not_taken_for_a_wrapping_folder(tree_of, name):
    assert found(find_images(tree_of(files(name)))) == [(name, "a")]


@pytest.mark.parametrize("root", ["", "set/"])
@pytest.mark.parametrize("inner", ["", "images/", "images/deep/"])
def test_labels_csv_names_files_relative_to_itself(tree_of, root, inner):
    csv = f"file,label,patient_id\n{inner}2.png,b,p1\n{inner}1.png,a,\n".encode()
    names = files(f"{root}{inner}1.png", f"{root}{inner}2.png")
    listing = find_images(tree_of({**names, f"{root}labels.csv": csv}))
    assert [(image.label, image.patient_id) for image in listing.images] == [
        ("a", None),
        ("b", "p1"),
    ]


def test_labels_csv_can_omit_the_folder_images(tree_of):
    csv = b"file,label\n1.png,a\n"
    assert found(find_images(tree_of({**files("images/1.png"), "labels.csv": csv}))) == [
        ("images/1.png", "a")
    ]


def test_our_own_release_sets_can_be_read(tree_of):
    csv = b"file,label,seed,sha256\nimages/a/000000.png,a,1,00\nimages/b/000000.png,b,2,00\n"
    names = files("images/a/000000.png", "images/b/000000.png", "manifest.json")
    listing = find_images(tree_of({**names, "labels.csv": csv}))
    assert [image.label for image in listing.images] == ["a", "b"]


def test_images_that_are_meant_to_be_of_no_class_need_no_row(tree_of):
    names = files("set/images/a/1.png", "set/unlabelled/mixtures/2.png")
    csv = b"file,label\nimages/a/1.png,a\n"
    listing = find_images(tree_of({**names, "set/labels.csv": csv}))
    assert found(listing) == [("set/images/a/1.png", "a")]
    assert listing.dropped == []


def test_what_labels_csv_and_the_folder_disagree_on_is_named(tree_of):
    csv = b"file,label\n1.png,a\n2.png,b\n"
    listing = find_images(tree_of({**files("1.png", "3.png"), "labels.csv": csv}))
    assert [(file.file, file.code) for file in listing.dropped] == [
        ("2.png", "missing"),
        ("3.png", "unlabelled"),
    ]
    assert "line 3" in listing.dropped[0].reason


def test_an_image_outside_every_layout_is_named(tree_of):
    listing = find_images(tree_of(files("a/1.png", "b/1.png", "stray.png", "a/x/y/1.png")))
    assert [(file.file, file.code) for file in listing.dropped] == [
        ("a/x/y/1.png", "too_deep"),
        ("stray.png", "outside_layout"),
    ]


@pytest.mark.parametrize("names", [["readme.txt"], ["1.png"], ["a/masks/1.png"]])
def test_no_images_are_refused_with_the_layouts_that_were_expected(tree_of, names):
    with pytest.raises(IngestRefused) as caught:
        find_images(tree_of(files(*names)))
    assert caught.value.code == "no_images"
    assert "CLASS/images/*" in caught.value.message
