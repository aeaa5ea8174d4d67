from __future__ import annotations

import struct
import warnings
import zipfile

import pytest

from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.reading.archive import ArchiveLimits, ArchiveTree


def refusal(path, limits=None):
    with pytest.raises(IngestRefused) as caught:
        ArchiveTree(path, limits)
    return caught.value


def test_an_archive_gives_its_files_by_name_without_extracting_them(zip_of, tmp_path):
    path = zip_of({"b/2.png": b"two", "a/1.png": b"one"})
    tree = ArchiveTree(path)
    assert tree.names() == ["a/1.png", "b/2.png"]
    assert tree.read("a/1.png") == b"one"
    assert tree.read("b/2.png", 2) == b"tw"
    assert sorted(tmp_path.iterdir()) == [path]


def test_what_operating_systems_leave_behind_is_not_listed(zip_of):
    files = ["__MACOSX/a/._1.png", "a/.DS_Store", "a/Thumbs.db", "a/._1.png", "a/1.png"]
    assert ArchiveTree(zip_of(dict.fromkeys(files, b"x"))).names() == ["a/1.png"]


@pytest.mark.parametrize("data", [b"", b"not a zip at all" * 100, b"PK\x05\x06 cut short"])
def test_a_file_that_is_no_zip_is_refused(tmp_path, data):
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    assert refusal(path).code == "not_a_zip"


def test_a_zip_that_was_cut_off_is_refused(zip_of):
    path = zip_of({f"a/{k}.png": bytes(1000) for k in range(9)})
    path.write_bytes(path.read_bytes()[:-100])
    assert refusal(path).code == "not_a_zip"


@pytest.mark.parametrize("files", [{}, {"a/": b""}])
def test_a_zip_without_files_is_refused(zip_of, files):
    assert refusal(zip_of(files)).code == "empty_archive"


@pytest.mark.parametrize(
    "name",
    ["../x.png", "a/../../x.png", "/etc/x.png", "C:/x.png", "C:\\x.png", "..\\x.png", "\\x.png"],
)
def test_a_name_that_points_elsewhere_is_refused(zip_of, name):
    refused = refusal(zip_of({"a/1.png": b"x", name: b"x"}))
    assert refused.code == "archive_unsafe_path"
    assert "x.png" not in refused.message
    assert "x.png" in refused.files[0]


def test_a_symbolic_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    refused = refusal(tmp_path / "set.zip")
    assert refused.code == "archive_unsafe_path"
    assert "symbolic link" in refused.message


def test_a_name_that_occurs_twice_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns where we write the duplicate
        archive.writestr("a/1.png", b"x")
        archive.writestr("a/1.png", b"y")
    assert "twice" in refusal(tmp_path / "set.zip").message


def test_an_encrypted_member_is_refused(zip_of):
    path = zip_of({"a/1.png": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the directory's flag bit
    path.write_bytes(data)
    assert refusal(path).code == "archive_encrypted"


def test_an_unusual_compression_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a/1.png", bytes(100))
    assert "method" in refusal(tmp_path / "set.zip").message


def test_a_member_that_grows_a_hundredfold_is_a_bomb(zip_of):
    refused = refusal(zip_of({"a/1.png": bytes(5 << 20)}))
    assert refused.code == "archive_bomb"
    assert "ratio" in refused.message


def test_a_short_text_of_one_letter_is_no_bomb(zip_of):
    assert ArchiveTree(zip_of({"labels.csv": b"a" * 100_000})).names() == ["labels.csv"]


def test_too_many_members_are_a_bomb(zip_of):
    path = zip_of({f"{k}.png": b"" for k in range(11)})
    refused = refusal(path, ArchiveLimits(max_members=10))
    assert refused.code == "archive_bomb"
    assert "member count" in refused.message
    assert "11" in refused.message


def test_a_directory_of_millions_is_refused_before_it_is_parsed(zip_of, monkeypatch):
    path = zip_of({"a/" + "long" * 100 + f"{k}.png": b"" for k in range(20)})
    monkeypatch.setattr(zipfile, "ZipFile", None)  # would fail if it were reached
    assert "member count" in refusal(path, ArchiveLimits(max_members=10)).message


@pytest.mark.parametrize("limits", [{"max_total_bytes": 2500}, {"max_member_bytes": 900}])
def test_too_many_bytes_are_a_bomb(zip_of, limits):
    path = zip_of({f"{k}.png": bytes(1000) for k in range(3)})
    refused = refusal(path, ArchiveLimits(**limits))
    assert refused.code == "archive_bomb"
    assert "total size" in refused.message


def test_a_member_that_declares_less_than_it_holds_is_corrupt_and_does_not_grow(zip_of):
    path = zip_of({"a/1.png": bytes(50_000_000)})
    data = bytearray(path.read_bytes())
    for record, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(record) + at, 1000)
    path.write_bytes(data)
    tree = ArchiveTree(path)
    with pytest.raises(UnreadableImage) as caught:
        tree.read("a/1.png")
    assert caught.value.code == "corrupt"


def test_a_damaged_member_is_corrupt(zip_of):
    path = zip_of({"a/1.png": b"good pixels " * 50})
    data = bytearray(path.read_bytes())
    data[45] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UnreadableImage) as caught:
        ArchiveTree(path).read("a/1.png")
    assert caught.value.code == "corrupt"
