from __future__ import annotations

import sys
import types
import zipfile

import numpy as np
import pytest
import torch

from synthcxr import MissingPackage, SetNotVerified, VerifiedSet, verify_set

MIXTURE = {
    "path": "unlabelled/mixtures/000006.png",
    "kind": "mixture",
    "weights": {"COVID": 0.6, "Normal": 0.4},
}


@pytest.fixture
def verified(make_set) -> VerifiedSet:
    return verify_set(make_set(unlabelled=[MIXTURE]))


def test_images_are_listed_in_the_manifests_order_with_what_they_are(verified: VerifiedSet) -> None:
    images = list(verified.images())
    assert [image.label for image, _ in images] == ["COVID"] * 3 + ["Normal"] * 3 + [None]
    assert images[-1][0].drawn_from == "0.6 COVID + 0.4 Normal"
    assert all(png.startswith(b"\x89PNG") for _, png in images)
    assert verified.classes == ("COVID", "Normal")


def test_an_image_that_was_changed_after_the_check_is_not_handed_over(
    verified: VerifiedSet,
) -> None:
    with zipfile.ZipFile(verified.path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    files["images/COVID/000001.png"] = files["images/COVID/000000.png"]
    with zipfile.ZipFile(verified.path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    images = verified.images()
    next(images)
    with pytest.raises(SetNotVerified, match="since the set was checked"):
        next(images)


def test_arrays_hold_the_stored_pixels_and_labels(verified: VerifiedSet) -> None:
    images, labels = verified.numpy()
    assert images.shape == (7, 8, 8)
    assert images.dtype == np.uint8
    assert images[:, 0, 0].tolist() == [0, 10, 20, 0, 10, 20, 0]
    assert labels.tolist() == ["COVID"] * 3 + ["Normal"] * 3 + [""]


def test_tensors_are_the_same_pixels_between_0_and_1(verified: VerifiedSet) -> None:
    images, labels, classes = verified.torch()
    assert images.shape == (7, 1, 8, 8)
    assert images.dtype == torch.float32
    torch.testing.assert_close(images[:, 0, 0, 0] * 255, torch.tensor([0, 10, 20, 0, 10, 20, 0.0]))
    assert labels.tolist() == [0, 0, 0, 1, 1, 1, -1]
    assert classes == ("COVID", "Normal")


@pytest.mark.parametrize(
    ("package", "method"), [("PIL", "numpy"), ("torch", "torch"), ("pandas", "table")]
)
def test_a_package_that_is_missing_is_named(
    verified: VerifiedSet, package: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackage, match="pip install") as caught:
        getattr(verified, method)()
    assert "synthcxr" not in str(caught.value)


def test_a_table_has_a_row_for_each_image(
    verified: VerifiedSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pandas is no dependency of ours: what it is given is what counts
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=list))
    rows = verified.table()
    assert list(rows[0]) == ["file", "label", "kind", "drawn_from", "sha256"]
    assert [row["label"] for row in rows] == ["COVID"] * 3 + ["Normal"] * 3 + [None]
