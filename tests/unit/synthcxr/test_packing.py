from __future__ import annotations

import os
import zipfile

import pytest

from synthcxr.errors import FolderNotPackable
from synthcxr.packing import FolderContents, as_zip


@pytest.fixture
def folder(tmp_path):
    for name in ("Normal/1.png", "Sick/2.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True)
        (tmp_path / "set" / name).write_bytes(b"pixels")
    return tmp_path / "set"


def names(folder):
    with as_zip(folder) as file, zipfile.ZipFile(file) as archive:
        return archive.namelist()


@pytest.mark.parametrize("seconds", [0, -3600, 4_500_000_000])
def test_files_of_any_date_are_packed(folder, seconds):
    os.utime(folder / "Sick/2.png", (seconds, seconds))
    assert names(folder) == ["Normal/1.png", "Sick/2.png"]


def test_links_and_hidden_files_stay_behind_and_are_counted(folder):
    (folder / "Sick/3.png").symlink_to(folder / "Sick/2.png")
    (folder / "Linked").symlink_to(folder / "Sick")
    (folder / ".old.png").write_bytes(b"x")
    (folder / ".DS_Store").write_bytes(b"x")
    contents = FolderContents.of(folder)
    assert names(folder) == ["Normal/1.png", "Sick/2.png"]
    assert (contents.num_links, contents.num_hidden) == (2, 1)
    assert [note.split(" ")[0] for note in contents.notes()] == ["2", "1"]


def test_a_folder_of_links_alone_is_refused_before_anything_is_sent(tmp_path, folder):
    (tmp_path / "links").mkdir()
    (tmp_path / "links/1.png").symlink_to(folder / "Sick/2.png")
    with pytest.raises(FolderNotPackable, match="1 symbolic links"):
        FolderContents.of(tmp_path / "links")


def test_a_name_that_is_not_utf8_is_written_by_its_bytes(folder):
    with open(os.fsencode(folder) + b"/Sick/r\xf6ntgen.png", "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"x")
    assert FolderContents.of(folder).num_renamed == 1
    assert "Sick/r%F6ntgen.png" in names(folder)


def test_a_folder_whose_name_is_not_utf8_is_named_readably(folder):
    os.mkdir(os.fsencode(folder) + b"/\xd6dem")  # noqa: PTH102 - bytes
    with pytest.raises(FolderNotPackable) as caught:
        FolderContents.of(folder)
    assert "\\xd6dem" in str(caught.value)
    assert "\n" not in str(caught.value)
