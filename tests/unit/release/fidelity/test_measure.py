from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from release.cancellation import cancellable
from release.data import LabelledImages, Splits
from release.features.classifier import NAME, ImageClassifier, digest
from release.fidelity.measure import measure_fidelity
from release.fidelity.metrics import METRICS
from release.fidelity.results import ExtractorSummary, Fidelity, FidelityRow


def measured(
    splits: Splits, classifier: ImageClassifier, images: LabelledImages, seed: int = 0
) -> Fidelity:
    rng = np.random.default_rng(seed)
    return measure_fidelity(classifier, splits, images.pixels, images.labels, rng)


@pytest.fixture(scope="module")
def perfect(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> Fidelity:
    return measured(toy_splits, toy_classifier, fresh_images)


@pytest.fixture(scope="module")
def noise(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> Fidelity:
    pixels = np.random.default_rng(2).integers(0, 256, fresh_images.pixels.shape, np.uint8)
    return measured(toy_splits, toy_classifier, replace(fresh_images, pixels=pixels))


def row(found: Fidelity, label: str = "all") -> FidelityRow:
    [chosen] = [each for each in found.rows if each.label == label]
    return chosen


def test_a_perfect_generator_stands_at_the_floor(perfect: Fidelity) -> None:
    assert [(each.label, each.num_images) for each in perfect.rows] == [
        ("left", 60),
        ("right", 60),
        ("all", 120),
    ]
    for each in perfect.rows:
        for metric in METRICS:
            found, floor = each.synthetic[metric.name], each.floor[metric.name]
            assert found.low <= floor.high, metric.name
            assert floor.low <= found.high, metric.name


def test_noise_is_far_from_the_floor(noise: Fidelity) -> None:
    overall = row(noise)
    assert overall.synthetic["kid"].low > overall.floor["kid"].high
    assert overall.synthetic["fd"].low > overall.floor["fd"].high
    for name in ("precision", "recall", "coverage"):
        assert overall.synthetic[name].value == 0


def test_the_same_images_and_seed_give_the_same_figures(
    toy_splits: Splits,
    toy_classifier: ImageClassifier,
    fresh_images: LabelledImages,
    perfect: Fidelity,
) -> None:
    assert measured(toy_splits, toy_classifier, fresh_images) == perfect


def test_validity_lies_between_real_images_and_mean_images(
    perfect: Fidelity, noise: Fidelity
) -> None:
    validity = perfect.validity
    assert validity.kid.value == pytest.approx(validity.kid_floor.value, abs=0.2)
    assert validity.kid.high < validity.kid_ceiling.low
    assert noise.validity.kid.low > validity.kid.high
    assert validity.agreement is not None
    assert validity.agreement.low > validity.chance.value == 0.5
    assert validity.real_accuracy.low > 0.8


def test_images_under_the_wrong_label_do_not_agree(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> None:
    swapped = replace(fresh_images, labels=1 - fresh_images.labels)
    found = measured(toy_splits, toy_classifier, swapped)
    assert row(found).synthetic["agreement"].high < 0.2
    assert found.validity.kid.value < 0.2  # both classes together still look like images
    assert row(found, "left").synthetic["kid"].low > row(found, "left").floor["kid"].high


def test_as_many_images_are_compared_as_there_are_real_ones_to_set_the_floor(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> None:
    fewer = fresh_images.where(np.r_[0:60, 60:90])
    found = measured(toy_splits, toy_classifier, fewer)
    assert [each.num_compared for each in found.rows] == [45, 30, 60]


def test_a_class_of_few_images_is_left_unmeasured_where_it_must_be(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> None:
    found = measured(toy_splits, toy_classifier, fresh_images.where(np.r_[0:60, 60:65, 70]))
    few = row(found, "right").synthetic
    assert few["kid"] is not None
    assert few["fd"] is None
    alone = measured(toy_splits, toy_classifier, fresh_images.where(np.r_[0:60, 70]))
    assert row(alone, "right").synthetic["kid"] is None
    assert row(alone).num_images == 60  # a single image is no class to weigh


def test_a_set_of_mixtures_has_validity_and_no_rows(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> None:
    unlabelled = replace(fresh_images, labels=np.full(len(fresh_images), -1))
    found = measured(toy_splits, toy_classifier, unlabelled)
    assert found.rows == ()
    assert found.validity.agreement is None
    assert found.validity.kid.high < found.validity.kid_ceiling.low


def test_one_image_alone_cannot_be_judged(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> None:
    with pytest.raises(ValueError, match="3 images"):
        measured(toy_splits, toy_classifier, fresh_images.where(np.r_[0:1]))


def test_it_can_be_given_up(
    toy_splits: Splits, toy_classifier: ImageClassifier, fresh_images: LabelledImages
) -> None:
    def check() -> None:
        raise InterruptedError

    with cancellable(check), pytest.raises(InterruptedError):
        measure_fidelity(
            toy_classifier,
            toy_splits,
            fresh_images.pixels,
            fresh_images.labels,
            np.random.default_rng(0),
        )


def test_it_names_the_extractor_and_has_every_metric_with_its_floor(
    perfect: Fidelity, toy_classifier: ImageClassifier
) -> None:
    preparation = "as they are, scaled to [-1, 1]"
    assert perfect.extractor == ExtractorSummary(NAME, digest(toy_classifier), preparation)
    names = [metric.name for metric in METRICS]
    for each in perfect.rows:
        assert list(each.synthetic) == list(each.floor) == names


def test_figures_stand_in_the_report_as_they_were_measured(perfect: Fidelity) -> None:
    adapter = TypeAdapter(Fidelity)
    shown = json.loads(adapter.dump_json(perfect))
    for each in shown["rows"]:
        assert all(set(figure) == {"value", "low", "high"} for figure in each["floor"].values())
    again = adapter.dump_json(adapter.validate_python(shown))
    assert json.loads(again) == shown
