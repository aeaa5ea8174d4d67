"""A discriminator of K real classes and one more, and one with an auxiliary classifier."""

import math

import pytest
import torch
import torch.nn.functional as F

from models.families.gan.networks import AuxiliaryClassifier, ClassesAndSynthetic
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


def auxiliary(verdict=0.0, classes=(0.0, 0.0, 0.0)):
    """A head that says the same of every image."""
    head = AuxiliaryClassifier(5, num_classes=len(classes))
    with torch.no_grad():
        for layer, bias in ((head.source, [verdict]), (head.classifier, classes)):
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor(bias))
    return head


def test_with_bce_the_discriminator_maximises_source_and_class_likelihood(features):
    """Odena et al. 2017, eq. 2 and 3: it pays -(L_S + L_C)."""
    head = AuxiliaryClassifier(5, num_classes=3)
    labels = torch.arange(8) % 3
    real, synthetic = (head(each, labels) for each in features)
    paid = bce_discriminator(real.logits, synthetic.logits)
    paid = paid + real.class_loss.mean() + synthetic.class_loss.mean()
    p_real = [head.source(each).squeeze(1).sigmoid() for each in features]
    p_class = [head.classifier(each).softmax(1)[torch.arange(8), labels] for each in features]
    source = p_real[0].log().mean() + (1 - p_real[1]).log().mean()
    classes = p_class[0].log().mean() + p_class[1].log().mean()
    torch.testing.assert_close(paid, -(source + classes))


def test_with_bce_the_generator_pays_for_its_source_and_its_class(features):
    """L_C - L_S, with -log D in place of log(1 - D)."""
    head = AuxiliaryClassifier(5, num_classes=3)
    labels = torch.arange(8) % 3
    real, synthetic = (head(each, labels) for each in features)
    paid = bce_generator(real.logits, synthetic.logits) + synthetic.class_loss.mean()
    p_real = head.source(features[1]).squeeze(1).sigmoid()
    p_class = head.classifier(features[1]).softmax(1)[torch.arange(8), labels]
    torch.testing.assert_close(paid, -(p_real.log().mean() + p_class.log().mean()))


def test_an_auxiliary_classifier_that_guesses_pays_log_k(features):
    output = auxiliary(verdict=0.7)(features[0], torch.arange(8) % 3)
    torch.testing.assert_close(output.class_loss, torch.full((8,), math.log(3)))
    torch.testing.assert_close(output.logits, torch.full((8,), 0.7))


def test_class_loss_at_known_logits(features):
    """p = (1, 2, 5) / 8."""
    head = auxiliary(classes=[math.log(1), math.log(2), math.log(5)])
    output = head(features[0][:3], torch.arange(3))
    torch.testing.assert_close(output.class_loss, torch.tensor([8.0, 4.0, 1.6]).log())


def test_the_slope_of_the_class_loss_is_the_error_of_the_probabilities():
    """d(-log p_y) / dl_k = p_k - [k = y], which the bias of the classifier receives."""
    head = auxiliary(classes=[math.log(1), math.log(2), math.log(5)])
    head(torch.randn(1, 5), torch.tensor([1])).class_loss.sum().backward()
    torch.testing.assert_close(head.classifier.bias.grad, torch.tensor([1 / 8, 2 / 8 - 1, 5 / 8]))
    assert head.source.bias.grad is None


def test_the_verdict_beside_an_auxiliary_classifier_does_not_know_the_label(features):
    head = AuxiliaryClassifier(5, num_classes=3)
    first, second = (head(features[0], torch.full((8,), label)) for label in (0, 2))
    assert torch.equal(first.logits, second.logits)
    assert (first.class_loss != second.class_loss).all()


def test_the_order_of_the_classes_does_not_matter_to_an_auxiliary_classifier(features):
    head, renamed = (AuxiliaryClassifier(5, num_classes=3) for _ in range(2))
    order = torch.tensor([2, 0, 1])
    renamed.load_state_dict(head.state_dict())
    with torch.no_grad():
        renamed.classifier.weight[order] = head.classifier.weight
        renamed.classifier.bias[order] = head.classifier.bias
    labels = torch.arange(8) % 3
    before, after = head(features[0], labels), renamed(features[0], order[labels])
    torch.testing.assert_close(after.class_loss, before.class_loss)
    assert torch.equal(after.logits, before.logits)


def test_with_one_class_an_auxiliary_classifier_has_nothing_to_say(features):
    head = AuxiliaryClassifier(5, num_classes=1)
    output = head(features[0], torch.zeros(8, dtype=torch.int64))
    torch.testing.assert_close(output.class_loss, torch.zeros(8), rtol=0, atol=0)
    torch.testing.assert_close(output.logits, head.source(features[0]).squeeze(1))
