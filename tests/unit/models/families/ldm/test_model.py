from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.config import Circumstances
from models.diffusion.samplers import SAMPLERS
from models.families.ldm.config import PREDICTIONS_ON, Config, Sampler
from models.families.ldm.model import LatentDiffusion
from models.family import Batch, ImageSpec
from models.seeding import ImageNoise
from models.training.checkpoints import Checkpoints
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages

SAMPLER = Sampler(num_steps=4)


@pytest.fixture(scope="module")
def images() -> TrainingImages:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 128, (40, 8, 8), np.uint8).repeat(8, axis=1).repeat(8, axis=2)
    fine = rng.integers(0, 128, (40, 64, 64), np.uint8)
    return TrainingImages(coarse + fine, np.arange(40) % 3)


@pytest.fixture(scope="module")
def model(images: TrainingImages) -> LatentDiffusion:
    """A model whose weights are random everywhere, none at its zero start."""
    torch.manual_seed(0)
    model = LatentDiffusion(Config(**Config.preset("tiny", Circumstances(64))), ImageSpec(64, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    exhaust(model.autoencoder_task.fit_components(images))
    with torch.no_grad():
        exhaust(model.space.measure(images, model.gaussian))
    return model.eval()


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def exhaust(fractions: Iterator[float]) -> None:
    assert list(fractions)[-1] == 1


@torch.inference_mode()
def drawn(
    model: LatentDiffusion, labels: list[int], seeds: list[int], sampler: Sampler = SAMPLER
) -> Tensor:
    return model.sample(torch.eye(model.spec.num_classes)[labels], ImageNoise(seeds), sampler)


def test_shares_of_the_stages_add_up(model: LatentDiffusion) -> None:
    assert sum(stage.share for stage in model.stages()) == pytest.approx(1)


def test_image_is_the_same_in_any_batch(model: LatentDiffusion) -> None:
    first = drawn(model, [1, 0, 2, 0, 1, 2, 0, 0], [7, 1, 2, 3, 4, 5, 6, 8])
    other = drawn(model, [2, 2, 0, 0, 0, 1, 1, 0], [9, 10, 11, 12, 13, 7, 14, 15])
    assert torch.equal(first[0], other[5])
    assert not torch.equal(first[1], first[0])


@pytest.mark.usefixtures("threads")
def test_image_is_the_same_with_any_number_of_threads(model: LatentDiffusion) -> None:
    images = []
    for num_threads in (1, 2, 3):
        torch.set_num_threads(num_threads)
        images.append(drawn(model, [0, 1, 2, 0], [1, 2, 3, 4]))
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])


def test_sampling_leaves_the_global_source_alone(model: LatentDiffusion) -> None:
    before = torch.get_rng_state()
    drawn(model, [0, 1], [1, 2])
    assert torch.equal(torch.get_rng_state(), before)


def test_class_changes_the_image(model: LatentDiffusion) -> None:
    image, other = drawn(model, [0, 1], [5, 5])
    assert not torch.allclose(image, other)


def channel_stds(model: LatentDiffusion, images: TrainingImages) -> Tensor:
    """Measure the standard deviations of what the denoiser is trained on."""
    return model.space.encode(images.read(torch.arange(len(images)))).std(dim=(0, 2, 3))


@torch.no_grad()
@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_whitening_shares_the_variance_out_between_the_channels(
    images: TrainingImages, whitening: float
) -> None:
    config = Config(**Config.preset("tiny", Circumstances(64)), whitening=whitening)
    model = LatentDiffusion(config, ImageSpec(64, 3))
    exhaust(model.autoencoder_task.fit_components(images))
    exhaust(model.space.measure(images, model.gaussian))
    stds = channel_stds(model, images)
    spectrum = model.space.autoencoder.deviations ** (1 - whitening)
    torch.testing.assert_close(stds / stds[-1], spectrum / spectrum[-1], atol=0, rtol=0.01)
    assert float(stds.square().mean()) == pytest.approx(1, abs=0.01)


def test_components_a_checkpoint_brought_are_kept(
    model: LatentDiffusion, images: TrainingImages
) -> None:
    before = model.space.autoencoder.components.clone()
    assert list(model.autoencoder_task.fit_components(images)) == []
    assert torch.equal(model.space.autoencoder.components, before)


@pytest.mark.parametrize("name", sorted(SAMPLERS.keys() - {"fast"}))
def test_every_sampler_draws_from_image_seeds_alone(model: LatentDiffusion, name: str) -> None:
    sampler = Sampler(name=name, num_steps=3)
    first = drawn(model, [1, 0], [7, 1], sampler)
    torch.manual_seed(1)
    assert torch.equal(drawn(model, [1, 0], [7, 1], sampler), first)
    torch.testing.assert_close(drawn(model, [2, 1], [9, 7], sampler)[1], first[0])


def test_guidance_outside_of_every_step_is_none(model: LatentDiffusion) -> None:
    outside = Sampler(num_steps=4, guidance=3.0, guidance_from=0.8, guidance_to=0.9)
    inside = Sampler(num_steps=4, guidance=3.0, guidance_from=0.7, guidance_to=0.8)
    unguided = drawn(model, [0, 1], [5, 6], Sampler(num_steps=4, guidance=1.0))
    assert torch.equal(drawn(model, [0, 1], [5, 6], outside), unguided)
    assert not torch.equal(drawn(model, [0, 1], [5, 6], inside), unguided)


@pytest.mark.parametrize(
    ("path", "prediction"), [(path, some[0]) for path, some in PREDICTIONS_ON.items()]
)
def test_every_path_trains_and_samples(images: TrainingImages, path: str, prediction: str) -> None:
    model = trained(images, path=path, prediction=prediction, times="uniform")
    assert drawn(model, [0, 1], [5, 6]).isfinite().all()


def trained(images: TrainingImages, **changes: Any) -> LatentDiffusion:
    config = Config(**{**Config.preset("tiny", Circumstances(64)), **changes})
    torch.manual_seed(0)
    model = LatentDiffusion(config, ImageSpec(64, 3))
    list(Training(model, images, Budget(images=320), seed=0).run())
    return model


def test_options_need_a_model_trained_for_them(images: TrainingImages) -> None:
    everything = trained(images, autoguidance=True, classifier_share=0.2, fast_share=0.2)
    names = [stage.name for stage in everything.stages()]
    assert names == ["autoencoder", "denoiser", "classifier", "student"]
    plain = drawn(everything, [0, 1], [5, 6], Sampler(num_steps=2, guidance_by="no_class"))
    without = trained(images)
    for options in (
        Sampler(name="fast"),
        Sampler(num_steps=2, guidance_by="early_snapshot"),
        Sampler(num_steps=2, guidance_by="early_no_class"),
        Sampler(num_steps=2, classifier_guidance=2.0),
    ):
        changed = drawn(everything, [0, 1], [5, 6], options)
        assert changed.isfinite().all()
        assert not torch.equal(changed, plain)
        with pytest.raises(ValueError, match="needs a model trained with"):
            drawn(without, [0, 1], [5, 6], options)


def test_guidance_leads_away_from_the_early_denoiser_where_there_is_one(
    images: TrainingImages,
) -> None:
    for model, used in (
        (trained(images, autoguidance=True), "early_no_class"),
        (trained(images), "no_class"),
    ):
        by_default = drawn(model, [0, 1], [5, 6], Sampler(num_steps=2))
        by_name = drawn(model, [0, 1], [5, 6], Sampler(num_steps=2, guidance_by=used))
        assert torch.equal(by_default, by_name)


def test_the_students_teacher_leads_away_from_the_early_denoiser(images: TrainingImages) -> None:
    model = trained(images, autoguidance=True, fast_share=0.2)
    task, early = model.distillation_task, model.early
    assert task is not None
    assert early is not None
    indices = torch.arange(8)
    batch = Batch(images.read(indices), images.labels[indices], indices, 0.5)

    def loss() -> float:
        torch.manual_seed(1)
        return float(task.loss(batch)["loss"])

    before = loss()
    with torch.no_grad():
        for weight in early.network.parameters():
            weight.add_(0.1)
    assert loss() != before


def test_student_begins_as_the_denoiser_and_keeps_what_a_checkpoint_brought(
    images: TrainingImages,
) -> None:
    config = Config(**Config.preset("tiny", Circumstances(64)), fast_share=0.2)
    model = LatentDiffusion(config, ImageSpec(64, 3))
    exhaust(model.distillation_task.start(images))
    weights = zip(model.student.network.parameters(), model.denoiser.parameters(), strict=True)
    assert all(torch.equal(mine, its) for mine, its in weights)
    with torch.no_grad():
        model.student.network.out.bias.fill_(1)
    exhaust(model.distillation_task.start(images))
    assert (model.student.network.out.bias == 1).all()


@pytest.mark.parametrize("patch_size", [2, 4])
def test_pixel_space_has_no_autoencoder(images: TrainingImages, patch_size: int) -> None:
    model = trained(images, space="pixel", patch_size=patch_size, denoiser_channels=(8,))
    assert [stage.name for stage in model.stages()] == ["denoiser"]
    batch = images.read(torch.arange(3))
    assert torch.equal(
        model.space.autoencoder.decode(model.space.autoencoder.encode(batch).mean), batch
    )
    assert drawn(model, [0, 1], [5, 6]).shape == (2, 1, 64, 64)


def test_augmented_images_train_and_leave_no_trace_in_sampling(images: TrainingImages) -> None:
    model = trained(images, augmentation=2.0, ms_ssim_weight=0.5)
    before = drawn(model, [0, 1], [5, 6])
    assert model.denoiser.embedding.changes is not None
    with torch.no_grad():
        model.denoiser.embedding.changes.weight.add_(1)
    assert torch.equal(drawn(model, [0, 1], [5, 6]), before)


def test_cached_latents_are_the_same_when_made_again(
    model: LatentDiffusion, images: TrainingImages
) -> None:
    batch = images.labels.new_tensor([3, 1])
    exhaust(model.space.cache(images))
    first = model.space.cached(batch)
    exhaust(model.space.cache(images))
    assert all(torch.equal(a, b) for a, b in zip(first, model.space.cached(batch), strict=True))


def test_resumed_student_equals_an_undisturbed_one(images: TrainingImages, tmp_path: Path) -> None:
    """Killed in the student's stage, after checkpoints of it."""
    changes = {"fast_share": 0.4, "autoguidance": True}
    config = Config(**{**Config.preset("tiny", Circumstances(64)), **changes})
    torch.manual_seed(0)
    killed = LatentDiffusion(config, ImageSpec(64, 3))
    resumed = LatentDiffusion(config, ImageSpec(64, 3))
    resumed.load_state_dict(killed.state_dict())
    options: dict[str, Any] = {
        "seed": 0,
        "checkpoints": Checkpoints(tmp_path),
        "checkpoint_interval_seconds": 0,
    }
    late = (
        progress
        for progress in Training(killed, images, Budget(images=320), **options).run()
        if progress.stage == "student" and progress.losses
    )
    list(islice(late, 3))
    list(Training(resumed, images, Budget(images=320), **options).run())
    undisturbed = trained(images, **changes).state_dict()
    for name, tensor in resumed.state_dict().items():
        assert torch.equal(tensor, undisturbed[name]), name
