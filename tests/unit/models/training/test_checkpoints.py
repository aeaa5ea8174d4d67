"""A checkpoint is whole or it is not there."""

from dataclasses import replace

import pytest
import torch

from models.training.checkpoints import Checkpoints, Position
from models.training.plan import StagePlan, StageSchedule, StageTiming

START = Position(
    stage=0,
    update=1,
    plan=(StagePlan("means", batch_size=4, updates=5, timing=StageTiming(0.1, 0.0, 2.5)),),
    schedule=StageSchedule(update=1, fraction=0.25, deadline=9.5),
    expected_seconds=3.0,
    first_loss=0.7,
    images_seen=4,
    elapsed_seconds=0.5,
    precision="float32",
)


@pytest.fixture
def checkpoints(tmp_path):
    return Checkpoints(tmp_path)


def saved(checkpoints, updates):
    for update in updates:
        checkpoints.save(replace(START, update=update), {"w": torch.full((3,), float(update))})


def test_stored_position_and_tensors_come_back(checkpoints):
    saved(checkpoints, [1])
    position, tensors = checkpoints.newest()
    assert position == START
    assert torch.equal(tensors["w"], torch.ones(3))


def test_empty_folder_has_no_checkpoint(checkpoints):
    assert checkpoints.newest() is None


def test_two_newest_are_kept(checkpoints, tmp_path):
    saved(checkpoints, [1, 2, 10])
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [
        "00-000000002.json",
        "00-000000002.safetensors",
        "00-000000010.json",
        "00-000000010.safetensors",
    ]


@pytest.mark.parametrize("suffix", ["safetensors", "json"])
@pytest.mark.parametrize("damage", ["truncated", "removed"])
def test_damaged_checkpoint_gives_way_to_the_one_before(checkpoints, tmp_path, suffix, damage):
    saved(checkpoints, [1, 2])
    file = tmp_path / f"00-000000002.{suffix}"
    if damage == "removed":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-9])
    position, _ = checkpoints.newest()
    assert position.update == 1


def test_failed_write_leaves_the_earlier_checkpoint_and_nothing_else(
    checkpoints, tmp_path, monkeypatch
):
    saved(checkpoints, [1])
    before = sorted(tmp_path.iterdir())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.training.checkpoints._settle", full)
    with pytest.raises(OSError, match="No space"):
        saved(checkpoints, [2])
    assert sorted(tmp_path.iterdir()) == before
