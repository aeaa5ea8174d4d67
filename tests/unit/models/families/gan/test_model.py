from itertools import islice
from typing import get_args

import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.gan.config import FITTED, Config, Sampler
from models.families.gan.model import AdversarialNetwork
from models.families.gan.objectives import OBJECTIVES
from models.family import Batch, ImageSpec
from models.presets import resolve_config
from models.seeding import ImageNoise
from models.snapshot import load_snapshot, save_snapshot
from models.training.checkpoints import Checkpoints
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages

NUM_CLASSES = 3
CONDITIONINGS = get_args(Config.model_fields["conditioning"].annotation)


def build(**changes):
    torch.manual_seed(0)
    config = resolve_config("gan", "tiny", changes, Circumstances(64))
    assert isinstance(config, Config)
    model = AdversarialNetwork(config, ImageSpec(64, NUM_CLASSES))
    with torch.no_grad():  # much starts at zero
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def batch_at(fraction):
    images = torch.rand(8, 1, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(images, torch.arange(8) % NUM_CLASSES, torch.arange(8), fraction)


def draw(model, labels, seeds, **options):
    with torch.inference_mode():
        return model.sample(
            torch.eye(model.spec.num_classes)[labels], ImageNoise(seeds), Sampler(**options)
        )


def test_truncation_to_zero_gives_one_image_of_a_class():
    first, second, other = draw(build(), [0, 0, 1], [1, 2, 3], truncation=0.0)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_same_seed_gives_the_same_image():
    model = build()
    assert torch.equal(draw(model, [0, 1], [5, 6]), draw(model, [0, 1], [5, 6]))


def test_discriminator_listens_to_the_label():
    image = batch_at(0.0).images[:1].expand(2, -1, -1, -1)
    first, second = build().discriminate(image, torch.tensor([0, 1]))
    assert first != second


def test_class_enters_the_discriminator_as_a_projection():
    """Miyato & Koyama 2018, eq. 3: classes with the same vector are not distinguished."""
    model = build()
    with torch.no_grad():
        classes = model.discriminator.head.classes.weight
        classes[1] = classes[0]
    image = batch_at(0.0).images[:1].expand(2, -1, -1, -1)
    first, second = model.discriminate(image, torch.tensor([0, 1]))
    torch.testing.assert_close(first, second)


def test_the_penalty_is_charged_with_its_weight():
    model = build(penalty=2.0, augmentation=0.0)
    for fraction in (0.0, 0.5, 1.0):
        losses = model.discriminator_loss(batch_at(fraction))
        charged = losses["adversarial"] + 2.0 / 2 * (losses["r1"] + losses["r2"])
        torch.testing.assert_close(losses["loss"], charged)


def test_both_networks_of_ac_gan_are_charged_for_the_class():
    """Odena et al. 2017, eq. 2 and 3, on the images as the model shows them."""
    model, batch = build(objective="bce", conditioning="auxiliary", augmentation=0.0), batch_at(0.0)
    synthetic = model._finish(batch)
    real, drawn = (model._discriminated(each, batch.labels) for each in (batch.images, synthetic))
    losses = model.discriminator_loss(batch)
    class_loss = real.class_loss.mean() + drawn.class_loss.mean()
    torch.testing.assert_close(losses["class_loss"], class_loss)
    torch.testing.assert_close(losses["loss"], losses["adversarial"] + class_loss)
    losses = model.generator_loss(batch)
    torch.testing.assert_close(losses["loss"], losses["adversarial"] + drawn.class_loss.mean())


def test_the_class_loss_alone_moves_the_generator():
    """A verdict that hears nothing leaves the auxiliary classifier to teach it."""
    model = build(objective="bce", conditioning="auxiliary")
    with torch.no_grad():
        model.discriminator.head.source.weight.zero_()
    model.generator_loss(batch_at(0.0))["loss"].backward()
    assert any(p.grad.abs().max() > 0 for p in model.generator.parameters())


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_every_weight_of_the_discriminator_is_asked_by_the_score_of_its_part(conditioning):
    """A weight that no score depends on could hold the training images."""
    model, batch = build(conditioning=conditioning), batch_at(0.0)
    parts = model.fitted_parts()
    for name in model.state_dict():
        assert sum(part.holds(name) for part in parts) == 1, name
    for name, weight in model.named_parameters():
        if name.startswith("discriminator."):
            [part] = [part for part in parts if part.holds(name)]
            score = part.score(batch.images, batch.labels)
            [gradient] = torch.autograd.grad(score.square().sum(), [weight])
            assert gradient.abs().max() > 0, name


def test_an_auxiliary_classifier_that_is_certain_still_distinguishes_images():
    """-log p rounded to 0 would hide whom it remembers."""
    model, batch = build(conditioning="auxiliary"), batch_at(0.0)
    [part] = [part for part in model.fitted_parts() if part.name == "auxiliary_classifier"]
    classifier = model.discriminator.head.classifier
    labels = torch.zeros_like(batch.labels)
    with torch.no_grad():
        before = part.score(batch.images, labels)
        classifier.bias[0] += 30
        certain = part.score(batch.images, labels)
    assert certain.isfinite().all()
    torch.testing.assert_close(certain, before + 30, rtol=0, atol=1e-3)


def test_the_membership_score_hears_what_an_auxiliary_classifier_knows():
    model, batch = build(conditioning="auxiliary"), batch_at(0.0)
    right = model.membership_score(batch.images, batch.labels)
    wrong = model.membership_score(batch.images, (batch.labels + 1) % NUM_CLASSES)
    assert (right != wrong).all()


def test_unknown_conditioning_is_refused():
    with pytest.raises(ValueError, match="conditioning"):
        Config(conditioning="acgan")


def test_a_snapshot_keeps_the_auxiliary_classifier(tmp_path):
    model = build(objective="bce", conditioning="auxiliary")
    save_snapshot(tmp_path, "gan", ("a", "b", "c"), model)
    loaded = load_snapshot(tmp_path).model
    assert loaded.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name]), name


@pytest.mark.parametrize("share", [0.01, 0.25, 1.0])
def test_a_share_of_the_batch_is_penalised(share):
    losses = build(penalised_share=share).discriminator_loss(batch_at(0.0))
    assert losses["r1"] > 0
    assert losses["r2"] > 0


def test_a_penalty_on_a_share_is_that_on_its_images():
    model = build(penalised_share=0.5, augmentation=0.0)
    batch = batch_at(0.0)
    half = Batch(batch.images[:4], batch.labels[:4], batch.indices[:4], 0.0)
    whole = build(penalised_share=1.0, augmentation=0.0)
    torch.testing.assert_close(
        model.discriminator_loss(batch)["r1"], whole.discriminator_loss(half)["r1"]
    )


def test_generator_loss_moves_the_generator():
    model = build()
    model.generator_loss(batch_at(0.0))["loss"].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.generator.parameters())


def test_discriminator_loss_leaves_the_generator_alone():
    model = build()
    model.discriminator_loss(batch_at(0.0))["loss"].backward()
    assert all(p.grad is None for p in model.generator.parameters())


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_trains(objective, conditioning):
    model = build(objective=objective, conditioning=conditioning, discriminator_updates=1)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    images = TrainingImages(
        ((batch_at(0.0).images[:, 0] + 1) * 127).byte().numpy(), np.arange(8) % 3
    )
    budget = Budget(images=2 * model.config.batch_size)
    losses = [each.losses for each in Training(model, images, budget, seed=0).run() if each.losses]
    assert len(losses) == 2
    for reported in losses:
        assert all(term.isfinite() for term in reported.values()), reported
        assert 0 <= reported["discriminator_preference"] <= 1
        assert reported["discriminator_variety"] > 0
    for half in ("generator", "discriminator"):
        moved = [
            n for n, w in model.named_parameters() if n.startswith(half) and (w != before[n]).any()
        ]
        assert moved, half


def test_an_objective_brings_the_settings_of_its_paper():
    for objective in OBJECTIVES:
        config = Config(objective=objective)
        for name, value in FITTED[objective].items():
            assert getattr(config, name) == value


def test_what_is_given_goes_before_what_the_objective_brings():
    config = Config(objective="wgan", weight_bound=0.1, discriminator_updates=2)
    assert (config.weight_bound, config.discriminator_updates) == (0.1, 2)
    assert Config.model_validate(config.model_dump(mode="json")) == config


def test_clipped_weights_are_within_their_bound_when_they_are_used():
    model = build(objective="wgan", weight_bound=0.02)
    model.discriminator_loss(batch_at(0.0))
    assert all(weight.abs().max() <= 0.02 for weight in model.discriminator.parameters())


def test_the_generator_waits_for_its_turn():
    model = build(discriminator_updates=3)
    images = TrainingImages(
        ((batch_at(0.0).images[:, 0] + 1) * 127).byte().numpy(), np.arange(8) % 3
    )
    budget = Budget(images=7 * model.config.batch_size)
    losses = [each.losses for each in Training(model, images, budget, seed=0).run() if each.losses]
    turns = ["generator_loss" in each for each in losses]
    assert turns == [True, False, False, True, False, False, True]


@pytest.mark.parametrize("conditioning", CONDITIONINGS)
def test_every_conditioning_is_resumed_bit_for_bit(conditioning, tmp_path):
    images = TrainingImages(
        ((batch_at(0.0).images[:, 0] + 1) * 127).byte().numpy(), np.arange(8) % 3
    )
    options = {"budget": Budget(images=112), "seed": 0}
    whole, killed, resumed = (build(objective="bce", conditioning=conditioning) for _ in range(3))
    list(Training(whole, images, **options).run())
    kept = {"checkpoints": Checkpoints(tmp_path), "checkpoint_interval_seconds": 0}
    list(islice(Training(killed, images, **options, **kept).run(), 4))
    list(Training(resumed, images, **options, **kept).run())
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_adaptive_augmentation_is_resumed_bit_for_bit(tmp_path):
    images = TrainingImages(
        ((batch_at(0.0).images[:, 0] + 1) * 127).byte().numpy(), np.arange(8) % 3
    )
    changes = {"augmentation": "adaptive", "augmentation_images": 100, "augmentation_target": 0.05}
    options = {"budget": Budget(images=112), "seed": 0}  # an odd number of updates
    whole, killed, resumed = (build(**changes) for _ in range(3))
    for model in (whole, killed, resumed):
        model.adaptive.strength.fill_(0.5)
    list(Training(whole, images, **options).run())
    kept = {"checkpoints": Checkpoints(tmp_path), "checkpoint_interval_seconds": 0}
    list(islice(Training(killed, images, **options, **kept).run(), 4))
    list(Training(resumed, images, **options, **kept).run())
    assert whole.adaptive.strength != 0.5
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


def test_partners_differ_from_images_in_detail_alone():
    model = build(num_latents=192)
    model.generator.to_pixels.weight.data.zero_()
    batch = batch_at(0.0)
    partners = model._finish(batch)
    torch.testing.assert_close(
        model.prior.encode(partners), model.prior.encode(batch.images), rtol=0.01, atol=0.05
    )


def test_variety_detects_a_collapsed_generator():
    model = build()
    varied = model.discriminator_loss(batch_at(0.0))["variety"]
    with torch.no_grad():
        model.prior.components.directions.zero_()
        model.generator.from_patches.weight.zero_()
        model.generator.style.weight.zero_()
    collapsed = model.discriminator_loss(batch_at(0.0))["variety"]
    assert collapsed < 0.2 * varied
