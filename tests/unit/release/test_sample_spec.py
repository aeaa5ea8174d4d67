"""Where an image lies and what is said of it."""

from __future__ import annotations

import pytest

from release.sample_spec import ClassSample, MixtureSample, folder_name


@pytest.mark.parametrize(
    ("label", "folder"),
    [("No Finding", "No Finding"), ("a/b", "a_b"), ("..", "_"), ("Ödem", "Ödem"), ("x.", "x")],
)
def test_label_becomes_a_folder_any_system_takes(label, folder) -> None:
    assert folder_name(label) == folder


def test_no_class_lies_where_images_of_no_class_lie() -> None:
    """Not even one that is called like it."""
    of_class = ClassSample("../unlabelled/mixtures", 1).folder
    assert of_class.startswith("images/")
    assert MixtureSample({"COVID": 0.5, "Normal": 0.5}, 2).folder == "unlabelled/mixtures"


def test_seeds_are_only_shown_hashed() -> None:
    assert ClassSample("COVID", 5).described(lambda seed: f"#{seed}") == {
        "kind": "class",
        "label": "COVID",
        "seed_hash": "#5",
    }
