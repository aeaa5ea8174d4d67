from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from synthcxr.errors import DownloadMismatch
from synthcxr.verification import verify_set


def test_a_right_set_counts_its_images_by_class(make_set) -> None:
    verified = verify_set(make_set())
    assert verified.num_images == 6
    assert verified.files_by_label["COVID"][0] == "images/COVID/000000.png"


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        ({"missing": "images/COVID/000001.png"}, "in SHA256SUMS but not in the ZIP"),
        ({"added": "images/COVID/000009.png"}, "in the ZIP but not in SHA256SUMS"),
        ({"altered": "images/Normal/000002.png"}, "not the file that SHA256SUMS names"),
    ],
)
def test_a_spoilt_set_is_refused_by_the_name_of_the_image(make_set, spoil, complaint) -> None:
    with pytest.raises(DownloadMismatch, match=complaint) as caught:
        verify_set(make_set(**spoil))
    assert next(iter(spoil.values())) in str(caught.value)


MIXTURE = {
    "path": "unlabelled/mixtures/000006.png",
    "kind": "mixture",
    "weights": {"COVID": 0.6, "Normal": 0.4},
    "seed_hash": "c" * 64,
}
INTERPOLATION = {
    "path": "unlabelled/interpolations/000007.png",
    "kind": "interpolation",
    "weights": {"COVID": 1.0},
    "from_seed_hash": "a" * 64,
    "to_seed_hash": "b" * 64,
    "position": 0.0,
}


def test_images_of_no_class_are_verified_and_counted_apart(make_set) -> None:
    verified = verify_set(make_set(unlabelled=[MIXTURE, INTERPOLATION]))
    assert verified.num_images == 8
    assert {label: len(names) for label, names in verified.files_by_label.items()} == {
        "COVID": 3,
        "Normal": 3,
    }
    assert verified.unlabelled_files == {
        "0.6 COVID + 0.4 Normal": [MIXTURE["path"]],
        "COVID, from seed aaaaaaaaaaaa to bbbbbbbbbbbb": [INTERPOLATION["path"]],
    }


def test_an_altered_or_smuggled_in_mixture_is_noticed(make_set) -> None:
    with pytest.raises(DownloadMismatch, match="not the file that SHA256SUMS names"):
        verify_set(make_set(unlabelled=[MIXTURE], altered=MIXTURE["path"]))
    with pytest.raises(DownloadMismatch, match="in the ZIP but not in SHA256SUMS"):
        verify_set(make_set(added=MIXTURE["path"]))


@pytest.mark.parametrize(
    "row",
    ["images/COVID/000000.png,Normal", "unlabelled/mixtures/000006.png,COVID"],
)
def test_labels_that_contradict_the_manifest_are_refused(make_set, row: str) -> None:
    right = verify_set(make_set()).files_by_label
    rows = [f"{name},{label}" for label, names in right.items() for name in names]
    spoilt = "\n".join(["file,label", *rows, row])
    with pytest.raises(DownloadMismatch, match=r"labels\.csv does not say what"):
        verify_set(make_set(unlabelled=[MIXTURE], labels=spoilt))


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
