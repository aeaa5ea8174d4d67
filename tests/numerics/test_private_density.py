"""What one patient can move in what a private density is made of."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from models.families.vae.dp_density import Frame, positive, private_gaussians
from models.families.vae.dp_moments import NoisyMoments, contributions
from models.families.vae.dp_remainder import private_remainder
from models.privacy.accounting import gaussian_mu
from models.privacy.noisy_sums import GaussianMechanism, shrunk
from models.privacy.patients import Patients
from models.training_images import TrainingImages

D, CLASSES = 4, 3
FRAME = Frame(torch.zeros(D).double(), torch.ones(D).double(), 3.0, torch.zeros(D).double())


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def in_unit_ball(n, d, rng):
    directions = torch.randn(n, d, generator=rng).double()
    lengths = torch.rand(n, 1, generator=rng).double()
    lengths[: n // 2] = 1  # half of them as far out as they may be
    return lengths * directions / directions.norm(dim=1, keepdim=True)


def silent_noise(num_values):
    return torch.zeros(num_values, dtype=torch.float64)


class Recording(GaussianMechanism):
    """Keeps the sums before the noise, and releases the same whatever they are."""

    def __init__(self, mu=1.0):
        super().__init__(mu, silent_noise)
        self.sums = []

    def noisy_sum(self, name, vectors, share):
        self.sums.append(super().noisy_sum(name, vectors, share))
        return torch.linspace(0, 1, len(self.sums[-1])).double()


def encode(images, labels):
    """Read latents off the first pixels: any length can come, far outside of every radius."""
    latents = 40 * images.flatten(1)[:, :D]
    return latents, torch.full_like(latents, -math.inf)


def learned(patients, mechanism, frame=FRAME, clipping=1.0):
    learning = private_gaussians(encode, patients, frame, CLASSES, mechanism, 1.0, clipping)
    while True:
        try:
            next(learning)
        except StopIteration as ended:
            return ended.value


def random_images(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, 8, 8), np.uint8), np.arange(n) % CLASSES, np.arange(n)


def test_no_patient_adds_a_vector_longer_than_one(rng):
    points = in_unit_ball(500, D, rng)
    rows = contributions(points, torch.arange(500) % CLASSES, CLASSES)
    lengths = rows.norm(dim=1)
    assert float(lengths.max()) <= 1 + 1e-12
    torch.testing.assert_close(lengths[:250], torch.ones(250).double())  # so the bound is tight


class OneAbsent(Patients):
    """A patient's image is replaced by none; how many patients there are is public and stays."""

    def __len__(self):
        return super().__len__() + 1


def test_taking_any_patient_out_moves_every_sum_by_one_at_most():
    """Brute force: all neighbours of one dataset, through the very code that learns."""
    pixels, labels, groups = random_images(40)
    everyone = Recording()
    learned(Patients(pixels, labels, groups), everyone)
    for gone in range(40):
        without = Recording()
        kept = groups != gone
        learned(OneAbsent(pixels[kept], labels[kept], groups[kept]), without)
        moved = [float((a - b).norm()) for a, b in zip(everyone.sums, without.sums, strict=True)]
        assert len(moved) == 2
        assert max(moved) <= 1 + 1e-9


def test_another_image_of_a_patient_changes_nothing():
    """One image is learned from, however many a patient has."""
    pixels, labels, groups = random_images(20)
    twice = [np.concatenate([each, each[:5]]) for each in (pixels, labels, groups)]
    twice[0][20:] = 255 - twice[0][20:]
    one, more = Recording(), Recording()
    learned(Patients(pixels, labels, groups), one)
    learned(Patients(*twice), more)
    for a, b in zip(one.sums, more.sums, strict=True):
        torch.testing.assert_close(a, b)


def test_with_the_noise_fixed_one_patient_moves_what_is_learned_little():
    pixels, labels, groups = random_images(600)
    other = pixels.copy()
    other[7] = 255 - other[7]
    means = [
        learned(Patients(each, labels, groups), GaussianMechanism(1e6, silent_noise)).means
        for each in (pixels, other)
    ]
    moved = (means[0] - means[1]).norm(dim=1)
    # a class has 200 images within 3 of a centre that itself moves by 2 * 9 / 600
    assert float(moved.max()) <= 2 * 3 / 200 + 2 * 9 / 600 + 1e-6
    assert float(moved.max()) > 0


def test_all_the_privacy_agreed_on_is_spent_and_no_more():
    mechanism = GaussianMechanism(gaussian_mu(3.0, 1e-5))
    learned(Patients(*random_images(30)), mechanism)
    spent = math.hypot(*(1 / each.sigma for each in mechanism.releases))
    assert spent == pytest.approx(mechanism.mu)


def test_without_noise_the_moments_are_those_of_the_images(rng):
    points = 0.2 * torch.randn(4000, D, generator=rng).double()
    points = points[points.norm(dim=1) <= 1]
    labels = torch.arange(len(points)) % CLASSES
    points[labels == 1] = 0.5 * points[labels == 1] + 0.1
    summed = contributions(points, labels, CLASSES).sum(0)
    means, covariances, _ = NoisyMoments.of(summed, CLASSES, D, sigma=0.0).gaussians()
    for label in range(CLASSES):
        own = points[labels == label]
        torch.testing.assert_close(means[label], own.mean(0))
        torch.testing.assert_close(covariances[label], own.T.cov(correction=0))


def test_where_noise_drowns_a_covariance_it_takes_on_a_steadier_one(rng):
    towards = torch.eye(5).double()
    near = towards + 0.01 * torch.randn(5, 5, generator=rng).double()
    noise = torch.tensor(25.0)
    torch.testing.assert_close(shrunk(near, towards, noise), towards)
    torch.testing.assert_close(shrunk(near, towards, torch.tensor(0.0)), near)


def test_shrinking_is_nearer_to_the_truth_on_average(rng):
    truth, towards = torch.ones(50).double(), torch.zeros(50).double()
    noisy = truth + 2 * torch.randn(2000, 50, generator=rng).double()
    drawn = torch.stack([shrunk(each, towards, torch.tensor(200.0)) for each in noisy])
    assert float((drawn - truth).square().mean()) < 0.5 * float((noisy - truth).square().mean())


def test_a_class_without_images_still_gets_a_density():
    pixels, _, groups = random_images(60)
    patients = Patients(pixels, np.zeros(60, np.int64), groups)
    means, covariances, _ = learned(patients, GaussianMechanism(gaussian_mu(1.0, 1e-3)))
    assert means.isfinite().all()
    assert float(torch.linalg.eigvalsh(covariances).min()) > 0


def test_negative_variances_are_raised_and_the_others_kept():
    given = torch.diag(torch.tensor([-1.0, 2.0])).double()[None]
    expected = torch.diag(torch.tensor([0.1, 2.0])).double()[None]
    torch.testing.assert_close(positive(given, 0.1), expected)


def test_with_many_patients_the_true_gaussians_are_found(rng):
    """At epsilon 3 the noise is of little account beside 60,000 patients."""
    means = torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0], [0, -1, 0.5, 0]])
    covariance = torch.diag(torch.tensor([1.0, 0.5, 0.25, 0.25]))
    labels = torch.arange(60_000) % CLASSES
    points = (
        torch.stack(
            [MultivariateNormal(mean, 0.5 * covariance).mean for mean in means[labels[:3]]]
        )[labels]
        + torch.randn(60_000, D, generator=rng) @ (0.5 * covariance).sqrt()
    )

    class Given(Patients):
        def __init__(self):
            self.labels = labels

        def batches(self, batch_size):
            return zip(points.split(batch_size), labels.split(batch_size), strict=True)

    def as_they_are(images, labels):
        return images, images

    learning = private_gaussians(
        as_they_are, Given(), FRAME, CLASSES, GaussianMechanism(gaussian_mu(3.0, 1e-6)), 1.0, 1.0
    )
    try:
        while True:
            next(learning)
    except StopIteration as ended:
        found = ended.value
    torch.testing.assert_close(found.means, means.double(), atol=0.06, rtol=0)
    expected = (0.5 * covariance).double().expand(3, D, D)
    torch.testing.assert_close(found.covariances, expected, atol=0.08, rtol=0)


def remainder(patients, mechanism, left_out=lambda images, labels: images.flatten(1)):
    public = TrainingImages(*random_images(30, seed=9)[:2])
    counts = torch.full((CLASSES,), len(patients) / CLASSES).double()
    learning = private_remainder(left_out, public, patients, counts, mechanism, 0.3, 1.0)
    while True:
        try:
            next(learning)
        except StopIteration as ended:
            return ended.value


def test_no_patient_moves_what_is_left_out_by_more_than_one():
    pixels, labels, groups = random_images(30)

    def far_out(images, labels):
        return 100 * images.flatten(1)

    everyone = Recording()
    remainder(Patients(pixels, labels, groups), everyone, far_out)
    for gone in range(30):
        without = Recording()
        kept = groups != gone
        remainder(Patients(pixels[kept], labels[kept], groups[kept]), without, far_out)
        assert float((everyone.sums[0] - without.sums[0]).norm()) <= 1 + 1e-9


def test_without_noise_what_is_left_out_is_each_class_s_mean():
    pixels, labels, groups = random_images(30)
    patients = Patients(pixels, labels, groups)
    found = remainder(patients, GaussianMechanism(1e9, silent_noise))
    images = torch.cat([images for images, _ in patients.batches(8)]).flatten(1).double()
    expected = torch.stack([images[torch.from_numpy(labels) == k].mean(0) for k in range(CLASSES)])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
