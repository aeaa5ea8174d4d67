from __future__ import annotations

import pytest

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.reading.file_tree import FolderTree


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(IngestRefused) as caught:
        FolderTree(tmp_path / "nowhere")
    assert caught.value.code == "folder_not_found"


def test_files_are_listed_by_relative_name_in_order(folder_of):
    root = folder_of({"b/1.png": b"x", "a/2.png": b"y", "a/.hidden": b"", ".git/a": b""})
    assert FolderTree(root).names() == ["a/2.png", "b/1.png"]


def test_a_link_out_of_the_folder_is_not_followed(folder_of, tmp_path):
    root = folder_of({"a/1.png": b"x"})
    (tmp_path / "secret.png").write_bytes(b"secret")
    (root / "a/2.png").symlink_to(tmp_path / "secret.png")
    (root / "a/3.png").symlink_to(root / "a/1.png")
    tree = FolderTree(root)
    assert tree.read("a/3.png") == b"x"
    with pytest.raises(UnreadableImage) as caught:
        tree.read("a/2.png")
    assert caught.value.code == "outside_folder"


def test_a_file_that_has_gone_is_named_missing(folder_of):
    with pytest.raises(UnreadableImage) as caught:
        FolderTree(folder_of({"a/1.png": b"x"})).read("a/2.png")
    assert caught.value.code == "missing"
