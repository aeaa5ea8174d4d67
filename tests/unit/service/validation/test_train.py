from typing import Any

from models import presets
from service.domain.requests import TrainingBudget
from service.validation import train


def test_a_preset_is_chosen_for_the_training_images_the_device_and_the_budget(
    scene: Any, monkeypatch: Any
) -> None:
    given = train.circumstances(scene.context, scene.dataset(), 64, TrainingBudget(seconds=600))
    num_images = round(0.72 * sum(split.images for split in scene.dataset().classes.values()))
    assert (given.image_size, given.num_images, given.device) == (64, num_images, "cpu")
    assert (given.budget_images, given.budget_seconds) == (None, 600)
    chosen_for = []

    def resolve(family: str, preset: str, overrides: Any, given: Any) -> Any:
        chosen_for.append(given)
        return presets.config_class(family)()

    monkeypatch.setattr(presets, "resolve_config", resolve)
    train.resolved_config("vae", "standard", {}, given)
    assert chosen_for == [given]
