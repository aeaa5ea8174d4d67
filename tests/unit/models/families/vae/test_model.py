import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.vae.config import Config, Sampler
from models.families.vae.likelihood import LIKELIHOODS
from models.families.vae.model import VariationalAutoencoder
from models.families.vae.objectives import Denoising, divergence_from_sparsity
from models.family import Batch, ImageSpec
from models.nn.jitter import jittered
from models.presets import resolve_config
from models.seeding import ImageNoise
from models.training_images import TrainingImages

NUM_CLASSES = 3


def build(**changes):
    torch.manual_seed(0)
    config = resolve_config("vae", "tiny", changes, Circumstances(64))
    assert isinstance(config, Config)
    return VariationalAutoencoder(config, ImageSpec(64, NUM_CLASSES)).eval()


@pytest.fixture
def images():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 64, 64), np.uint8)
    return TrainingImages(pixels, np.arange(60) % NUM_CLASSES)


@pytest.fixture
def batch(images):
    indices = torch.arange(8)
    return Batch(images.read(indices), images.labels[indices], indices, fraction=0.5)


def stir(model):
    """Move every weight, since much starts at zero."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))


def test_decoder_listens_to_the_label():
    model = build()
    stir(model)
    latents = torch.zeros(2, 8)
    first, second = model.decode(latents, torch.tensor([0, 1]))
    assert not torch.allclose(first, second)


def test_encoder_listens_to_the_label(batch):
    model = build()
    stir(model)
    image = batch.images[:1].expand(2, -1, -1, -1)
    mean, log_variance = model.encoder(image, torch.tensor([0, 1]))
    assert not torch.allclose(mean[0], mean[1])
    assert not torch.allclose(log_variance[0], log_variance[1])


@pytest.mark.parametrize("likelihood", ["sigma", "mse", "bce"])
def test_training_begins_at_the_principal_components(images, batch, likelihood):
    model = build(likelihood=likelihood)
    list(model.stages()[0].prepare(images))
    mean, _ = model.encode(batch.images, batch.labels)
    expected = model.principal.decode(mean).clamp(-0.99, 0.99)
    decoded = LIKELIHOODS[likelihood].mean(model.decode(mean, batch.labels)).clamp(-0.99, 0.99)
    torch.testing.assert_close(decoded, expected)


@pytest.mark.parametrize("likelihood", ["sigma", "mse", "bce"])
def test_every_likelihood_gives_gradients_to_both_halves(batch, likelihood):
    model = build(likelihood=likelihood)
    stir(model)
    losses = model.loss(batch)
    losses["loss"].backward()
    for half in (model.encoder, model.decoder):
        gradients = [p.grad for p in half.parameters() if p.grad is not None]
        assert sum(gradient.abs().sum().item() for gradient in gradients) > 0


@pytest.mark.parametrize("kind", ["denoising", "sparse"])
def test_a_baseline_learns_and_is_sampled_like_the_variational_one(images, batch, kind):
    model = build(kind=kind)
    stage = model.stages()[0]
    list(stage.prepare(images))
    losses = model.loss(batch)
    losses["loss"].backward()
    for half in (model.encoder, model.decoder):
        gradients = [p.grad for p in half.parameters() if p.grad is not None]
        assert sum(gradient.abs().sum().item() for gradient in gradients) > 0
    with torch.no_grad():
        list(stage.conclude(images))
    mixtures = torch.eye(NUM_CLASSES)[[0, 0, 2]]
    with torch.inference_mode():
        drawn = model.sample(mixtures, ImageNoise([1, 2, 3]), Sampler())
    assert drawn.isfinite().all()
    assert drawn.abs().max() <= 1
    assert not torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize("kind", ["denoising", "sparse"])
def test_the_latents_of_a_baseline_are_certain(batch, kind):
    _, log_variance = build(kind=kind).encode(batch.images, batch.labels)
    assert not log_variance.exp().any()


def test_a_denoising_autoencoder_restores_the_image_as_it_was(images, batch):
    """Before training, its error is that of the principal components of spoilt images."""
    model = build(kind="denoising", likelihood="mse", corruption=0.5)
    list(model.principal.fit(images))
    torch.manual_seed(2)
    changed = jittered(batch.images).clamp(-1, 1)
    mean, _ = model.principal.encode(Denoising(model.config).shown(changed))
    expected = (model.principal.decode(mean) - changed).square().flatten(1).sum(1).mean() / 2
    torch.manual_seed(2)
    torch.testing.assert_close(model.loss(batch)["reconstruction"], expected)


def test_a_sparse_autoencoder_pays_for_units_that_are_on_too_often(batch):
    paid = loss_of(build(kind="sparse", sparsity=0.2, sparsity_weight=7.0), batch)
    free = loss_of(build(kind="sparse", sparsity=0.2, sparsity_weight=0.0), batch)
    assert free["loss"] == pytest.approx(free["reconstruction"], rel=1e-4)
    rho_hat = torch.full((8,), paid["activation"])
    assert paid["activation"] == pytest.approx(0.2)  # where it begins
    expected = 7 * divergence_from_sparsity(rho_hat, 0.2).sum()
    assert paid["loss"] - free["loss"] == pytest.approx(float(expected), abs=1e-2)


def loss_of(model, batch, fraction=0.5):
    torch.manual_seed(2)
    moved = Batch(batch.images, batch.labels, batch.indices, fraction)
    losses = model.loss(moved)
    return {name: value.item() * (4096 if name == "loss" else 1) for name, value in losses.items()}


def test_divergence_below_the_free_bits_is_charged_at_their_price(batch):
    losses = loss_of(build(free_bits=10.0), batch)
    assert losses["divergence"] < 80
    assert losses["loss"] == pytest.approx(losses["reconstruction"] + 8 * 10.0, rel=1e-4)


def test_divergence_without_free_bits_is_charged_as_it_is(batch):
    losses = loss_of(build(free_bits=0.0, beta=2.0), batch)
    expected = losses["reconstruction"] + 2 * losses["divergence"]
    assert losses["loss"] == pytest.approx(expected, rel=1e-4)


def test_divergence_costs_nothing_when_the_warm_up_begins(batch):
    losses = loss_of(build(kl_warmup=0.5), batch, fraction=0.0)
    assert losses["loss"] == pytest.approx(losses["reconstruction"], rel=1e-4)


def test_divergence_costs_all_at_once_without_a_warm_up(batch):
    without = loss_of(build(kl_warmup=0.0), batch, fraction=0.0)
    late = loss_of(build(kl_warmup=0.5), batch, fraction=0.9)
    assert without["loss"] == pytest.approx(late["loss"])


def test_samples_come_from_the_prior_until_the_mixture_is_fitted(images):
    model = build()
    stir(model)
    mixtures = torch.eye(model.spec.num_classes)[[0, 1]]

    def draw(name):
        with torch.inference_mode():
            return model.sample(mixtures, ImageNoise([1, 2]), Sampler(name=name))

    assert torch.equal(draw("mixture"), draw("prior"))
    with torch.no_grad():
        fractions = list(model.stages()[0].conclude(images))
    assert fractions == sorted(fractions)
    assert model.aggregate.fitted
    assert not torch.equal(draw("mixture"), draw("prior"))


def test_grain_gives_images_the_variance_that_the_decoder_leaves_out(images):
    model = build()
    mixtures = torch.eye(NUM_CLASSES)[[0] * 16]

    def draw(grain):
        sampler = Sampler(name="prior", temperature=0.0, grain=grain)
        with torch.inference_mode():
            return model.sample(mixtures, ImageNoise(range(16)), sampler)

    assert torch.equal(draw(0.0), draw(1.0))  # nothing is measured yet
    with torch.no_grad():
        list(model.stages()[0].prepare(images))
        list(model.stages()[0].conclude(images))
        mean, _ = model.encode(images.read(torch.arange(60)), images.labels)
        error = model.decode(mean, images.labels) - images.read(torch.arange(60))
    assert model.deviation.item() == pytest.approx(error.square().mean().sqrt().item(), rel=0.02)
    model.deviation.fill_(0.1)  # too little to be cut off
    for grain in (0.5, 1.0):
        added = draw(grain) - draw(0.0)
        assert added.std().item() == pytest.approx(0.1 * grain, rel=0.02)
        assert added.mean().item() == pytest.approx(0, abs=0.002)


def test_temperature_zero_gives_one_image_of_a_class():
    model = build()
    stir(model)
    sampler = Sampler(name="prior", temperature=0.0, grain=0.0)
    with torch.inference_mode():
        first, second, other = model.sample(
            torch.eye(model.spec.num_classes)[[0, 0, 1]], ImageNoise([1, 2, 3]), sampler
        )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_feature_maps_end_at_four_pixels_for_every_size():
    for size in (64, 128, 256):
        config = Config.model_validate(Config.preset("tiny", Circumstances(size)))
        model = VariationalAutoencoder(config, ImageSpec(size, 2))
        mean, _ = model.encode(torch.zeros(1, 1, size, size), torch.tensor([0]))
        assert mean.shape == (1, 8)
        assert model.decode(mean, torch.tensor([0])).shape == (1, 1, size, size)
