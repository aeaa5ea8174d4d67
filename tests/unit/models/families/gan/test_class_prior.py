import numpy as np
import pytest
import torch

from models.config import Circumstances
from models.families.gan.class_prior import ClassPrior
from models.families.gan.config import Config
from models.families.gan.model import AdversarialNetwork
from models.family import ImageSpec
from models.presets import resolve_config
from models.training_images import TrainingImages


@pytest.fixture(scope="module")
def images():
    """Two classes of 16x16 images: bright ones that vary downwards, dark ones across."""
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    ramp = np.linspace(-1, 1, 16)
    bright = 160 + 20 * rng.normal(size=(400, 1, 1)) * ramp[None, :, None]
    dark = 90 + 20 * rng.normal(size=(400, 1, 1)) * ramp[None, None, :]
    flat = np.where(labels[:, None, None] == 0, bright + 0 * dark, dark + 0 * bright)
    pixels = (flat + rng.normal(0, 2, flat.shape)).round().clip(0, 255).astype(np.uint8)
    return TrainingImages(pixels, labels)


@pytest.fixture(scope="module")
def prior(images):
    torch.manual_seed(0)
    fitted = ClassPrior(16, num_classes=2, num_latents=6, width=64, num_updates=220, guidance=0)
    fractions = list(fitted.fit(images))
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    return fitted


def draw(prior, classes):
    noise = torch.randn(len(classes), prior.noise_size, generator=torch.Generator().manual_seed(0))
    return prior.draw(classes, noise)


@pytest.mark.parametrize("label", [0, 1])
def test_drafts_lie_where_the_images_of_their_class_do(images, prior, label):
    drafts = prior.decode(draw(prior, torch.full((500,), label)))
    batch = images.read((images.labels == label).nonzero().squeeze(1))
    torch.testing.assert_close(drafts.mean(0), batch.mean(0), rtol=0, atol=0.1)


def test_drafts_vary_as_the_images_of_their_class_do(prior):
    downwards, across = [], []
    for label in (0, 1):
        drafts = prior.decode(draw(prior, torch.full((500,), label)))[:, 0]
        downwards.append((drafts[:, -1].mean(1) - drafts[:, 0].mean(1)).std())
        across.append((drafts[:, :, -1].mean(1) - drafts[:, :, 0].mean(1)).std())
    assert downwards[0] > 1.5 * downwards[1]
    assert across[1] > 1.5 * across[0]


def test_an_image_is_near_its_own_draft(images, prior):
    batch = images.read(torch.arange(20))
    torch.testing.assert_close(prior.decode(prior.encode(batch)), batch, rtol=0, atol=0.15)


def test_a_mixture_that_is_one_class_draws_what_its_label_draws(prior):
    labels = torch.tensor([0, 1, 1, 0])
    torch.testing.assert_close(draw(prior, torch.eye(2)[labels]), draw(prior, labels))


def test_no_noise_draws_the_same_draft(prior):
    drafts = prior.draw(torch.zeros(3, dtype=torch.int64), torch.zeros(3, prior.noise_size))
    torch.testing.assert_close(drafts[0], drafts[1])


def test_guidance_draws_away_from_what_classes_have_in_common(prior):
    brightness = {}
    for guidance in (0, 1):
        prior._guidance = guidance
        for label in (0, 1):
            drafts = prior.decode(draw(prior, torch.full((100,), label)))
            brightness[guidance, label] = drafts.mean()
    prior._guidance = 0
    apart = {g: brightness[g, 0] - brightness[g, 1] for g in (0, 1)}
    assert apart[1] > apart[0]


def test_fitting_happens_once_and_leaves_the_random_source_alone(images, prior):
    before = {name: tensor.clone() for name, tensor in prior.state_dict().items()}
    assert list(prior.fit(images)) == []
    for name, tensor in prior.state_dict().items():
        assert torch.equal(tensor, before[name]), name

    another = ClassPrior(16, num_classes=2, num_latents=6, width=16, num_updates=2, guidance=0)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    list(another.fit(images))
    assert torch.equal(torch.rand(3), expected)


def test_the_schedule_of_a_slow_flow_ends_with_its_time(images, monkeypatch):
    """Each update takes a second of the 50 that 200 updates may take."""
    rates: list[float] = []

    class Slow(ClassPrior):
        def _update(self, optimiser, *batch):
            rates.append(optimiser.param_groups[0]["lr"])
            super()._update(optimiser, *batch)

    monkeypatch.setattr("models.families.gan.class_prior.time.monotonic", lambda: len(rates))
    slow = Slow(16, num_classes=2, num_latents=6, width=16, num_updates=200, guidance=0, seconds=50)
    assert [*slow.fit(images)][-1] == 1
    assert slow.fitted
    assert len(rates) == 50
    assert rates[-1] < 0.01 * max(rates)


def test_a_flow_that_has_no_time_makes_a_few_updates(images):
    short = ClassPrior(
        16, num_classes=2, num_latents=6, width=16, num_updates=200, guidance=0, seconds=1e-9
    )
    began = [weight.clone() for weight in short.flow.parameters()]
    assert [*short.fit(images)][-1] == 1
    assert short.fitted
    assert not all(map(torch.equal, began, short.flow.parameters()))


def test_a_prior_knows_images_of_its_kind_better_than_noise(images, prior):
    batch, labels = images.read(torch.arange(20)), images.labels[:20]
    assert (
        prior.membership_score(batch, labels).mean()
        > prior.membership_score(batch, 1 - labels).mean()
    )


def test_the_generator_begins_with_the_drafts():
    torch.manual_seed(0)
    model = AdversarialNetwork(
        Config.model_validate(Config.preset("tiny", Circumstances(64))),
        ImageSpec(64, num_classes=2),
    )
    latents, labels = torch.randn(3, 8), torch.tensor([0, 1, 1])
    noise = torch.randn(3, *model.noise_shape)
    assert torch.equal(model.generate(latents, labels, noise), model.prior.decode(latents))


@pytest.mark.parametrize(("seconds", "updates"), [(5, 100), (100, 600), (3600, 2500), (None, 2500)])
def test_a_short_training_spends_little_of_its_time_on_the_prior(seconds, updates):
    given = Circumstances(64, budget_seconds=seconds)
    assert resolve_config("gan", "standard", {}, given).prior_updates == updates
