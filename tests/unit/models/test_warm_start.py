"""A training begins at the weights of an earlier one as far as the layers fit."""

from pathlib import Path
from typing import Any

import pytest
import torch

from models.config import Circumstances
from models.family import Family, ImageSpec
from models.presets import resolve_config
from models.registry import FAMILIES, config_class
from models.snapshot import new_model, save_snapshot
from models.warm_start import TooLittleFits, carried_over, start_from

WARM = [name for name in FAMILIES if config_class(name).starts_warm]
CLASSES = ("effusion", "normal")


def tiny(family: str, seed: int, num_classes: int = 2, **overrides: Any) -> Family[Any, Any]:
    config = resolve_config(family, "tiny", overrides, Circumstances(64)).model_dump(mode="json")
    return new_model(family, config, ImageSpec(64, num_classes), seed)


def saved(model: Family[Any, Any], family: str, classes: tuple[str, ...], folder: Path) -> Path:
    save_snapshot(folder, family, classes, model)
    return folder


def is_refitted(model: Family[Any, Any], name: str) -> bool:
    return any(name == begin or name.startswith(f"{begin}.") for begin in model.refitted)


@pytest.mark.parametrize("family", WARM)
def test_an_equal_model_takes_over_all_but_what_is_fitted_anew(family: str, tmp_path: Path) -> None:
    source, model = tiny(family, 1), tiny(family, 2)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = start_from(model, CLASSES, saved(source, family, CLASSES, tmp_path))
    theirs = source.state_dict()
    for name, tensor in model.state_dict().items():
        expected = before if is_refitted(model, name) else theirs
        assert torch.equal(tensor, expected[name]), name
    assert (found.share, found.fresh, found.classes) == (1.0, (), CLASSES)
    assert carried_over(model, CLASSES, tmp_path) == found


@pytest.mark.parametrize("family", WARM)
def test_every_name_of_what_is_fitted_anew_begins_a_name_of_the_state(family: str) -> None:
    parts = {"classifier_share": 0.1, "fast_share": 0.1, "autoguidance": True, "upscale_share": 0.1}
    overrides = {
        "ldm": parts,
        "gan": {"conditioning": "k_plus_1"},
        "vae": {"remainder_size": 4},
    }[family]
    model = tiny(family, 0, **overrides)
    for begin in model.refitted:
        assert any(name == begin or name.startswith(f"{begin}.") for name in model.state_dict()), (
            begin
        )


def test_classes_are_taken_over_by_label_and_that_of_none_by_its_place(tmp_path: Path) -> None:
    source, model = tiny("ldm", 1, 2), tiny("ldm", 2, 3)
    folder = saved(source, "ldm", CLASSES, tmp_path)
    table = "denoiser.embedding.classes.weight"
    new = model.state_dict()[table][1].clone()
    found = start_from(model, ("normal", "covid", "effusion"), folder)
    theirs, ours = source.state_dict()[table], model.state_dict()[table]
    assert torch.equal(ours[[0, 2, 3]], theirs[[1, 0, 2]])
    assert torch.equal(ours[1], new)
    assert found.by_class == ("denoiser.embedding.classes",)
    assert found.classes == ("normal", "effusion")


def test_an_auxiliary_classifier_begins_as_new_and_the_verdict_beside_it_does_not(
    tmp_path: Path,
) -> None:
    """As many other classes would have a layer of the same shape."""
    source, model = (tiny("gan", seed, conditioning="auxiliary") for seed in (1, 2))
    classifier, verdict = (f"discriminator.head.{name}.weight" for name in ("classifier", "source"))
    new = model.state_dict()[classifier].clone()
    start_from(model, ("covid", "normal"), saved(source, "gan", CLASSES, tmp_path))
    assert torch.equal(model.state_dict()[classifier], new)
    assert torch.equal(model.state_dict()[verdict], source.state_dict()[verdict])


def test_a_layer_of_another_shape_begins_as_new_with_all_its_statistics(tmp_path: Path) -> None:
    """A part of the fitted components would be worse than none: they are fitted together."""
    folder = saved(tiny("ldm", 1, latent_channels=4), "ldm", CLASSES, tmp_path)
    model = tiny("ldm", 2, latent_channels=8)
    found = start_from(model, CLASSES, folder)
    assert {"space.autoencoder", "denoiser.stem", "denoiser.out"} <= {*found.fresh}
    assert not model.get_buffer("space.autoencoder.fitted")
    assert 0.5 < found.share < 1


def test_hardly_anything_that_fits_is_another_model(tmp_path: Path) -> None:
    folder = saved(tiny("vae", 1), "vae", CLASSES, tmp_path)
    other = tiny("vae", 2, width=24, num_latents=12, patch_size=4)
    before = {name: tensor.clone() for name, tensor in other.state_dict().items()}
    with pytest.raises(TooLittleFits, match="at least 10%"):
        start_from(other, CLASSES, folder)
    assert all(torch.equal(before[name], each) for name, each in other.state_dict().items())
