"""What every registered family promises, whatever its mathematics.

The example is a family in one folder beside this file, registered by one line.
"""

from copy import deepcopy
from itertools import islice

import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.family import ImageSpec
from models.presets import PRESETS, resolve_config
from models.registry import FAMILIES, config_class, sampler_class
from models.sampling import MICRO_BATCH, Draw, draw_pixels, sample_pixels
from models.seeding import Between, ImageNoise
from models.snapshot import load_snapshot, new_model, save_snapshot
from models.training import loop
from models.training.checkpoints import Checkpoints
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages

pytestmark = pytest.mark.parametrize("family", [*FAMILIES, "example"])

SIZES = (64, 128, 256)
CLASSES = ("normal", "opacity", "effusion")


def tiny(family, size=64):
    config = resolve_config(family, "tiny", {}, Circumstances(size)).model_dump(mode="json")
    return new_model(family, config, ImageSpec(size, len(CLASSES)), seed=0)


@pytest.fixture(autouse=True)
def registered_example(monkeypatch):
    monkeypatch.setitem(
        FAMILIES, "example", "tests.contract.example_family.model:LinearAutoencoder"
    )


@pytest.fixture(autouse=True)
def short_probes(monkeypatch):
    """Let trainings by a budget in images not measure for longer how long they will last."""
    monkeypatch.setattr(loop, "PROBE_SECONDS", 0.05)


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 64, 64), np.uint8)
    return TrainingImages(pixels, np.arange(24) % len(CLASSES))


@pytest.fixture(scope="module")
def trainings():
    """What was trained of each family: once for all tests, which take a copy."""
    return {}


@pytest.fixture
def trained(family, images, trainings):
    if family not in trainings:
        model = tiny(family)
        list(Training(model, images, Budget(images=64), seed=0).run())
        trainings[family] = model.eval()
    return deepcopy(trainings[family])


def pixels_of(model, family, labels, seeds):
    return np.concatenate(list(sample_pixels(model, labels, seeds, sampler_class(family)())))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("size", SIZES)
def test_presets_resolve_to_valid_configurations(family, preset, size):
    config = resolve_config(family, preset, {}, Circumstances(size))
    assert config_class(family).model_validate(config.model_dump(mode="json")) == config


def test_every_hyper_parameter_is_explained(family):
    for options in (config_class(family), sampler_class(family)):
        for name, field in options.model_fields.items():
            assert field.description, f"{options.__name__}.{name} has no description"


@pytest.mark.parametrize("size", SIZES)
def test_losses_are_finite_in_every_stage(family, size):
    model = tiny(family, size)
    pixels = np.random.default_rng(1).integers(0, 256, (6, size, size), np.uint8)
    images = TrainingImages(pixels, np.arange(6) % len(CLASSES))
    training = Training(model, images, Budget(images=1), seed=0)
    progress = list(training.run())
    trained = {each.stage for each in progress if each.losses}
    assert trained == {stage.name for stage in model.stages()}
    for each in progress:
        assert all(torch.isfinite(value) for value in each.losses.values()), each


def test_shares_of_the_stages_make_up_the_budget(family):
    assert sum(stage.share for stage in tiny(family).stages()) == pytest.approx(1)


def test_sampling_changes_nothing_of_a_model(family, trained):
    """So that a worker may keep it for the next set."""
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    first = pixels_of(trained, family, [0, 1, 2], [5, 6, 7])
    pixels_of(trained, family, [1] * 9, list(range(9)))
    assert np.array_equal(first, pixels_of(trained, family, [0, 1, 2], [5, 6, 7]))
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_samples_are_images(family, trained):
    mixtures = torch.eye(len(CLASSES)).repeat(2, 1)
    with torch.inference_mode():
        images = trained.sample(mixtures, ImageNoise(range(6)), sampler_class(family)())
    assert images.shape == (6, 1, 64, 64)
    assert images.is_floating_point()
    assert images.isfinite().all()
    assert images.abs().max() <= 1


def test_what_a_model_makes_of_an_image_is_an_image_and_repeats(family, trained, images):
    batch, labels = images.read(torch.arange(6)), images.labels[:6]

    def revised():
        return trained.sdedit(batch, labels, ImageNoise(range(6)), 0.2)

    with torch.inference_mode():
        for make in (lambda: trained.reconstruct(batch, labels), revised):
            made = make()
            if made is not None:
                assert made.shape == batch.shape
                assert made.isfinite().all()
                assert made.abs().max() <= 1
                assert torch.equal(made, make())


def test_what_a_training_makes_of_an_image_is_another_image(trained, images):
    batch = images.read(torch.arange(6))
    made = trained.augment(batch)
    if made is not None:
        assert made.shape == batch.shape
        assert made.isfinite().all()
        assert not torch.equal(made, batch)


def test_every_weight_belongs_to_one_fitted_part(family, trained):
    """A statistic that no audit asks could hold the training images."""
    parts = trained.fitted_parts()
    assert len({part.name for part in parts}) == len(parts)
    for name in trained.state_dict():
        assert sum(part.holds(name) for part in parts) == 1, name


def test_a_fitted_part_s_score_repeats_and_does_not_depend_on_an_image_s_neighbours(
    family, trained, images
):
    batch, labels = images.read(torch.arange(6)), images.labels[:6]
    for part in trained.fitted_parts():
        if part.score is None:
            continue
        with torch.inference_mode():
            scores = part.score(batch, labels)
            backwards = part.score(batch.flip(0), labels.flip(0)).flip(0)
        assert scores.shape == (6,), part.name
        assert scores.isfinite().all(), part.name
        torch.testing.assert_close(scores, backwards, rtol=1e-3, atol=1e-3, msg=part.name)


def test_what_is_declared_as_unfitted_sees_no_image(family, trained, images):
    """It is the same whatever images the model was trained on."""
    other = tiny(family)
    pixels = np.random.default_rng(1).integers(0, 256, (24, 64, 64), np.uint8)
    others = TrainingImages(pixels, images.labels.numpy())
    list(Training(other, others, Budget(images=64), seed=0).run())
    unfitted = [part for part in trained.fitted_parts() if part.unfitted]
    theirs = other.state_dict()
    for name, tensor in trained.state_dict().items():
        if any(part.holds(name) for part in unfitted):
            assert torch.equal(tensor, theirs[name]), name


def test_a_membership_score_is_a_number_for_each_image(family, trained, images):
    with torch.inference_mode():
        scores = trained.membership_score(images.read(torch.arange(6)), images.labels[:6])
    assert scores is None or scores.shape == (6,)


def test_a_likelihood_score_is_had_where_the_config_names_one(family, trained, images):
    """It repeats, and does not depend on an image's neighbours."""
    batch, labels = images.read(torch.arange(6)), images.labels[:6]
    with torch.inference_mode():
        scores = trained.likelihood_score(batch, labels)
        assert (scores is None) == (trained.config.likelihood_score() is None)
        if scores is None:
            return
        backwards = trained.likelihood_score(batch.flip(0), labels.flip(0)).flip(0)
    assert scores.shape == (6,)
    assert scores.isfinite().all()
    torch.testing.assert_close(scores, backwards, rtol=1e-3, atol=1e-3)


def test_an_image_depends_on_its_label_and_seed_alone(family, trained):
    """Not on its place in the set, nor on its neighbours."""
    size = MICRO_BATCH["cpu"]
    labels = [index % len(CLASSES) for index in range(size + 3)]
    seeds = [100 + index for index in range(size + 3)]
    together = pixels_of(trained, family, labels, seeds)
    assert np.array_equal(together, pixels_of(trained, family, labels, seeds))
    backwards = pixels_of(trained, family, labels[::-1], seeds[::-1])
    assert np.array_equal(together, backwards[::-1])
    alone = pixels_of(trained, family, labels[:1], seeds[:1])
    assert np.array_equal(together[:1], alone)


def test_images_do_not_depend_on_the_number_of_threads(family, trained):
    threads = torch.get_num_threads()
    drawn = []
    try:
        for num_threads in (1, 2):
            torch.set_num_threads(num_threads)
            drawn.append(pixels_of(trained, family, [0, 1, 2], [1, 2, 3]))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(*drawn)


def drawn(model, family, *draws):
    return np.concatenate(list(draw_pixels(model, draws, sampler_class(family)())))


def test_a_mixture_of_classes_is_neither_of_them(family, trained):
    first, half, second, again = drawn(
        trained,
        family,
        Draw({0: 1.0}, 5),
        Draw({0: 0.5, 1: 0.5}, 5),
        Draw({1: 1.0}, 5),
        Draw({0: 0.5, 1: 0.5}, 5),
    )
    assert not np.array_equal(half, first)
    assert not np.array_equal(half, second)
    assert np.array_equal(half, again)


def test_the_way_between_two_seeds_begins_and_ends_with_their_images(family, trained):
    first, start, middle, end, last = drawn(
        trained,
        family,
        Draw({0: 1.0}, 5),
        *(Draw({0: 1.0}, Between(5, 6, position)) for position in (0.0, 0.5, 1.0)),
        Draw({0: 1.0}, 6),
    )
    assert np.array_equal(first, start)
    assert np.array_equal(last, end)
    assert not np.array_equal(middle, start)
    assert not np.array_equal(middle, end)


def test_another_seed_gives_another_image(family, trained):
    first, second = pixels_of(trained, family, [0, 0], [1, 2])
    assert not np.array_equal(first, second)


def test_snapshot_gives_the_same_images(family, trained, tmp_path):
    save_snapshot(tmp_path, family, CLASSES, trained)
    loaded = load_snapshot(tmp_path)
    assert loaded.classes == CLASSES
    assert loaded.model.config == trained.config
    drawn = [pixels_of(model, family, [0, 1, 2], [1, 2, 3]) for model in (trained, loaded.model)]
    assert np.array_equal(*drawn)


@pytest.mark.parametrize("updates_before_the_kill", [3, 11])
def test_resumed_training_equals_an_undisturbed_one(
    family, trained, images, tmp_path, updates_before_the_kill
):
    options = {"seed": 0, "checkpoints": Checkpoints(tmp_path), "checkpoint_interval_seconds": 0}
    killed = Training(tiny(family), images, Budget(images=64), **options)
    planned = (progress for progress in killed.run() if progress.plan)
    list(islice(planned, 1 + updates_before_the_kill))
    resumed = tiny(family)
    list(Training(resumed, images, Budget(images=64), **options).run())
    for name, tensor in trained.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
