"""A discriminator of K real classes and one more."""

import pytest
import torch
import torch.nn.functional as F

from models.families.gan.networks import ClassesAndSynthetic
from models.families.gan.objectives import bce_discriminator, bce_generator


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
    paid = bce_discriminator(real.logits, synthetic.logits)
    paid = paid + real.class_loss.mean() + synthetic.class_loss.mean()
    right = F.cross_entropy(head.classifier(features[0]), labels)
    right = right + F.cross_entropy(head.classifier(features[1]), torch.full_like(labels, 3))
    torch.testing.assert_close(paid, right)


def test_with_bce_the_generator_pays_for_not_being_taken_for_its_class(features):
    head = ClassesAndSynthetic(5, num_classes=3)
    labels = torch.arange(8) % 3
    real, synthetic = (head(each, labels) for each in features)
    paid = bce_generator(real.logits, synthetic.logits) + synthetic.class_loss.mean()
    torch.testing.assert_close(paid, F.cross_entropy(head.classifier(features[1]), labels))


def test_with_one_class_it_reduces_to_an_unconditional_discriminator(features):
    head = ClassesAndSynthetic(5, num_classes=1)
    output = head(features[0], torch.zeros(8, dtype=torch.int64))
    torch.testing.assert_close(output.class_loss, torch.zeros(8), rtol=0, atol=1e-6)
    logits = head.classifier(features[0])
    torch.testing.assert_close(output.logits.sigmoid(), logits.softmax(1)[:, 0])


def test_certainty_about_the_class_leaves_no_class_loss():
    head = ClassesAndSynthetic(2, num_classes=3)
    with torch.no_grad():
        head.classifier.weight.zero_()
        head.classifier.bias.copy_(torch.tensor([0.0, -40.0, -40.0, 1.0]))
    output = head(torch.randn(1, 2), torch.tensor([0]))
    assert output.class_loss.item() == pytest.approx(0, abs=1e-6)
    assert output.logits.item() == pytest.approx(-1)
