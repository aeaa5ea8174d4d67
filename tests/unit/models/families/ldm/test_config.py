import json

import pytest
from pydantic import ValidationError

from models.config import Circumstances
from models.families.ldm.config import Config, Sampler


@pytest.mark.parametrize("name", ["tiny", "standard"])
@pytest.mark.parametrize("image_size", [64, 128, 256])
def test_preset_gives_latents_of_16_or_32(name: str, image_size: int) -> None:
    config = Config(**Config.preset(name, Circumstances(image_size)))
    assert image_size // config.patch_size in (16, 32)


def test_small_sets_are_protected_from_memorisation() -> None:
    few, many = (Config.preset("standard", Circumstances(64, num_images=n)) for n in (500, 5000))
    assert few["dropout"] > 0
    assert few["augmentation"] > 0
    assert "dropout" not in many


def test_standard_model_can_be_sampled_fast() -> None:
    config = Config(**Config.preset("standard", Circumstances(64)))
    Sampler(name="fast").check_model(config.model_dump())


def test_a_gpu_gets_larger_batches() -> None:
    on_cuda = Config(**Config.preset("standard", Circumstances(256, device="cuda")))
    assert on_cuda.batch_size > Config().batch_size
    assert on_cuda.patch_size == 8


@pytest.mark.parametrize(
    "given",
    [
        Circumstances(256, device="cuda"),
        Circumstances(256, budget_seconds=10 * 3600.0),
        Circumstances(128, budget_images=2_000_000),
    ],
)
def test_a_long_training_gets_fine_latents(given: Circumstances) -> None:
    config = Config(**Config.preset("standard", given))
    assert given.image_size // config.patch_size == 32


@pytest.mark.parametrize("image_size", [64, 128, 256])
def test_half_an_hour_of_a_cpu_gets_coarse_latents(image_size: int) -> None:
    given = Circumstances(image_size, 5000, budget_seconds=1800.0)
    config = Config(**Config.preset("standard", given))
    assert image_size // config.patch_size == 16


def test_config_survives_json() -> None:
    config = Config(denoiser_channels=(16, 24, 32), learning_rate=2e-4)
    assert Config.model_validate(json.loads(config.model_dump_json())) == config


@pytest.mark.parametrize(
    "changes",
    [
        {"denoiser_channels": [12]},
        {"denoiser_channels": []},
        {"denoiser_channels": ["16"]},
        {"patch_size": 5},
        {"class_dropout": 1.0},
        {"learning_rate": 0.0},
        {"unknown": 1},
        {"patch_size": 4, "latent_channels": 17},
        {"classifier_share": 0.5, "fast_share": 0.4},
        {"patch_size": 16, "denoiser_channels": [8, 8, 8, 8]},
    ],
)
def test_config_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "rk4"},
        {"num_steps": 0},
        {"guidance": 0.5},
        {"guidance_from": 0.6, "guidance_to": 0.5},
        {"name": "fast", "num_steps": 5},
    ],
)
def test_sampler_out_of_range_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sampler.model_validate(changes)


def test_every_field_says_what_it_means() -> None:
    fields = {**Config.model_fields, **Sampler.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []


def test_fast_takes_few_steps_where_none_are_asked_for() -> None:
    assert Sampler(name="fast").num_steps == 4
    assert Sampler(name="fast", num_steps=1).num_steps == 1


def test_shares_of_the_stages_make_up_the_budget_in_either_space() -> None:
    assert Config(autoencoder_share=0.2, fast_share=0.1).denoiser_share == pytest.approx(0.7)
    assert Config(space="pixel", fast_share=0.1).denoiser_share == pytest.approx(0.9)
