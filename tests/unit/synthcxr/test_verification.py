from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from synthcxr.errors import DownloadMismatch
from synthcxr.verification import verify_set


def test_a_right_set_tells_its_images_by_class(make_set) -> None:
    verified = verify_set(make_set())
    assert verified.num_images == 6
    assert verified.files_by_label["COVID"][0] == "images/COVID/000000.png"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        ({"missing": "images/COVID/000001.png"}, "in the manifest but not in the ZIP"),
        ({"added": "images/COVID/000009.png"}, "in the ZIP but not in the manifest"),
        ({"altered": "images/Normal/000002.png"}, "not the image its manifest names"),
    ],
)
def test_a_spoilt_set_is_refused_by_the_name_of_the_image(make_set, spoil, complaint) -> None:
    with pytest.raises(DownloadMismatch, match=complaint) as caught:
        verify_set(make_set(**spoil))
    assert next(iter(spoil.values())) in str(caught.value)


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(b"<html>")
    with pytest.raises(DownloadMismatch, match="not a readable synthetic set"):
        verify_set(path)


def test_a_zip_without_a_manifest_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images/COVID/1.png", b"png")
    with pytest.raises(DownloadMismatch, match=r"manifest\.json"):
        verify_set(path)
