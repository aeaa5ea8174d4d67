from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.white_box_attack import Patients, attacked, main, table
from models.family import FittedPart
from radiographs.splits.split import Split

CLASSES = ("normal", "opacity")


@pytest.fixture
def patients() -> Patients:
    """Two images of each of 1,600 patients, a quarter in each split."""
    rng = np.random.default_rng(0)
    groups = np.arange(3200) // 2
    return Patients(
        rng.integers(0, 256, (3200, 8, 8), np.uint8),
        np.arange(3200) % 2,
        groups,
        (groups % 4).astype(np.int8),
        CLASSES,
    )


class Remembering:
    """One part has memorised its training images, another leaks nothing, a third saw none."""

    def __init__(self, patients: Patients) -> None:
        self._known = {pixels.tobytes() for pixels in patients.where(patients.member).pixels}

    def fitted_parts(self) -> list[FittedPart]:
        return [
            FittedPart("memory", ("memory",), self._memory),
            FittedPart("blind", ("blind",), lambda images, _: images[:, 0, 0, 0]),
            FittedPart("basis", ("basis",), unfitted="The same for all images."),
        ]

    def _memory(self, images: Tensor, labels: Tensor) -> Tensor:
        pixels = ((images[:, 0] + 1) * 127.5).round().to(torch.uint8).numpy()
        return torch.tensor([float(each.tobytes() in self._known) for each in pixels]) + labels


def test_a_part_that_remembers_is_found_and_the_audit_agrees(patients: Patients) -> None:
    memory, blind = attacked("model", Remembering(patients), patients)  # type: ignore[arg-type]
    assert (memory["part"], blind["part"]) == ("memory", "blind")
    assert memory["calibrated_auc"]["value"] == pytest.approx(1, abs=0.01)
    assert blind["auc"]["low"] < 0.5 < blind["auc"]["high"]
    assert not memory["weights_can_be_released"]
    assert "| model | memory |" in table([memory, blind])


def test_fewer_members_leave_the_others_as_they_are(patients: Patients) -> None:
    few = patients.with_fewer_members(100, seed=0)
    assert few.member.sum() == 100
    assert np.array_equal(few.where(~few.member).pixels, patients.where(~patients.member).pixels)
    assert set(few.splits[few.member]) == {Split.TRAIN, Split.INCLUDED}


def test_one_image_of_each_patient_is_asked(patients: Patients) -> None:
    assert len(patients.one_each().labels) == 1600


def test_a_model_is_trained_attacked_and_written_down(tmp_path: Path) -> None:
    output = tmp_path / "white_box.json"
    options = ["--phantoms", "90", "--family", "gan", "--preset", "tiny", "--images-seen", "16"]
    main([*options, "--output", str(output)])
    rows = json.loads(output.read_text())["rows"]
    assert {row["part"] for row in rows} >= {"class_prior", "discriminator"}
