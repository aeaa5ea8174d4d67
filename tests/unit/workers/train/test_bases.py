from pathlib import Path

import pytest

from models import bases
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.snapshot import new_model
from models.warm_start import start_from
from radiographs.phantom import FINDINGS
from workers.train import bases as training


@pytest.mark.parametrize("family", ["ldm", "vae"])
def test_a_base_is_trained_on_phantoms_the_same_each_time_and_can_be_started_from(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json")
    monkeypatch.setattr(training, "NUM_PHANTOMS", 24)
    monkeypatch.setattr(training, "_config", lambda *_: config)
    made = [training.train_base(family, 64, 48, tmp_path / name) for name in ("one", "two")]
    for name in ("snapshot.json", "snapshot.safetensors"):
        first, again = ((folder / name).read_bytes() for folder in made)
        assert first == again
    monkeypatch.setattr(bases, "FOLDER", tmp_path / "one")
    assert bases.base_names() == [f"base:{family}-64"]
    model = new_model(family, config, ImageSpec(64, len(FINDINGS)), 1)
    assert start_from(model, FINDINGS, made[0]).share == 1
