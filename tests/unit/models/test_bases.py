"""The bases that the package ships: small, of phantoms, and fitting the recommended models."""

from pathlib import Path

import pytest

from models import bases
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.snapshot import new_model
from models.warm_start import start_from
from radiographs.phantom import FINDINGS

MOST_BYTES = 10_000_000


def test_all_bases_together_are_small_and_hold_nothing_but_weights_and_their_description() -> None:
    files = [path for path in bases.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert {path.name for path in files} == {"snapshot.json", "snapshot.safetensors"}
    assert bases.base_names() == ["base:ldm-64", "base:vae-64"]


@pytest.mark.parametrize("name", bases.base_names())
@pytest.mark.parametrize("num_images", [500, 5000])
def test_a_base_fits_the_recommended_model_of_its_size(name: str, num_images: int) -> None:
    family = name.removeprefix("base:").removesuffix("-64")
    config = resolve_config(family, "standard", {}, Circumstances(64, num_images=num_images))
    model = new_model(family, config.model_dump(mode="json"), ImageSpec(64, 3), 0)
    found = start_from(model, ("covid", "normal", "effusion"), bases.folder_of(name))
    assert found.share > 0.99
    assert found.classes == ("normal", "effusion")
    assert {*found.classes} < {*FINDINGS}


def test_without_its_own_size_a_family_has_the_next_smaller_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ldm-64", "ldm-256", "vae-128"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "snapshot.json").touch()
    monkeypatch.setattr(bases, "FOLDER", tmp_path)
    found = [bases.base_for("ldm", size) for size in (64, 128, 256)]
    assert found == ["base:ldm-64", "base:ldm-64", "base:ldm-256"]
    assert bases.base_for("vae", 64) == "base:vae-128"
    assert bases.base_for("gan", 64) is None
    assert bases.folder_of("base:vae-128") == tmp_path / "vae-128"
    for wrong in ("base:gan-64", "base:../etc", "vae-128"):
        with pytest.raises(ValueError, match="base"):
            bases.folder_of(wrong)
