"""A discriminator of K real classes and one more."""

import pytest
import torch
import torch.nn.functional as F

from models.families.gan.losses import bce_discriminator, bce_generator
from models.families.gan.networks import ClassesAndSynthetic


@pytest.fixture(autouse=True)
def _same_draws():
    torch.manual_seed(0)


@pytest.fixture
def features():
    return torch.randn(2, 8, 5)  # of real and of synthetic images


def test_with_bce_it_pays_the_cross_entropy_over_all_classes(features):
    """Salimans et al. 2016, section 5: real images are their class, synthetic ones class K + 1."""
    head = ClassesAndSynthetic(5, num_classes=3)
    labels = torch.arange(8) % 3
    real, synthetic = (head(each, labels) for each in features)
    paid = bce_discriminator(real.realism, synthetic.realism)
    paid = paid + real.confusion.mean() + synthetic.confusion.mean()
    right = F.cross_entropy(head.logits(features[0]), labels)
    right = right + F.cross_entropy(head.logits(features[1]), torch.full_like(labels, 3))
    torch.testing.assert_close(paid, right)


def test_with_bce_the_generator_pays_for_not_being_taken_for_its_class(features):
    head = ClassesAndSynthetic(5, num_classes=3)
    labels = torch.arange(8) % 3
    real, synthetic = (head(each, labels) for each in features)
    paid = bce_generator(real.realism, synthetic.realism) + synthetic.confusion.mean()
    torch.testing.assert_close(paid, F.cross_entropy(head.logits(features[1]), labels))


def test_with_one_class_it_reduces_to_an_unconditional_discriminator(features):
    head = ClassesAndSynthetic(5, num_classes=1)
    judgement = head(features[0], torch.zeros(8, dtype=torch.int64))
    torch.testing.assert_close(judgement.confusion, torch.zeros(8), rtol=0, atol=1e-6)
    logits = head.logits(features[0])
    torch.testing.assert_close(judgement.realism.sigmoid(), logits.softmax(1)[:, 0])


def test_certainty_about_the_class_leaves_no_confusion():
    head = ClassesAndSynthetic(2, num_classes=3)
    with torch.no_grad():
        head.logits.weight.zero_()
        head.logits.bias.copy_(torch.tensor([0.0, -40.0, -40.0, 1.0]))
    judgement = head(torch.randn(1, 2), torch.tensor([0]))
    assert judgement.confusion.item() == pytest.approx(0, abs=1e-6)
    assert judgement.realism.item() == pytest.approx(-1)
