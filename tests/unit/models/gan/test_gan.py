import pytest
import torch

from models.config import Circumstances
from models.families.gan.config import Config, Sampler
from models.families.gan.model import AdversarialNetwork
from models.family import Batch, ImageSpec
from models.presets import resolve_config
from models.seeding import ImageNoise

NUM_CLASSES = 3


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


def test_truncation_to_zero_gives_one_film_of_a_class():
    first, second, other = draw(build(), [0, 0, 1], [1, 2, 3], truncation=0.0)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_same_seed_gives_the_same_film():
    model = build()
    assert torch.equal(draw(model, [0, 1], [5, 6]), draw(model, [0, 1], [5, 6]))


def test_discriminator_listens_to_the_label():
    image = batch_at(0.0).images[:1].expand(2, -1, -1, -1)
    first, second = build().judge(image, torch.tensor([0, 1]))
    assert first != second


def test_class_enters_the_discriminator_as_a_projection():
    """Miyato & Koyama 2018, eq. 3: classes with the same vector are not told apart."""
    model = build()
    with torch.no_grad():
        model.discriminator.classes.weight[1] = model.discriminator.classes.weight[0]
    image = batch_at(0.0).images[:1].expand(2, -1, -1, -1)
    first, second = model.judge(image, torch.tensor([0, 1]))
    assert first == second


def test_penalty_falls_from_its_first_weight_to_its_last():
    model = build(penalty=2.0, final_penalty=0.5, augmentation=0.0)
    for fraction, gamma in ((0.0, 2.0), (0.5, 1.25), (1.0, 0.5)):
        torch.manual_seed(1)
        losses = model.discriminator_loss(batch_at(fraction))
        charged = losses["relativistic"] + gamma / 2 * (losses["r1"] + losses["r2"])
        torch.testing.assert_close(losses["loss"], charged)


@pytest.mark.parametrize("share", [0.01, 0.25, 1.0])
def test_a_share_of_the_batch_is_penalised(share):
    losses = build(penalised_share=share).discriminator_loss(batch_at(0.0))
    assert losses["r1"] > 0
    assert losses["r2"] > 0


def test_a_penalty_on_a_share_is_that_on_its_films():
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
