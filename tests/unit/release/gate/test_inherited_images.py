"""Images that a model learned from before its training are searched for copies, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from release.data import InheritedImages, LabelledImages, Splits
from release.gate.gate import Gate
from release.gate.policy import Policy
from release.gate.real_index import RealIndex
from release.similarity.copy_search import CopySearch
from release.similarity.registered_pixels import PixelMetric
from tests.unit.release.conftest import toy_images


def searched(splits: Splits) -> Gate:
    images = splits.copied_from
    search = CopySearch(images.pixels, images.patients)
    return Gate(splits, [PixelMetric()], search=search)


@pytest.fixture(scope="module")
def earlier() -> LabelledImages:
    return toy_images(np.random.default_rng(7), 30, 9000)


@pytest.fixture(scope="module")
def inheriting(toy_splits: Splits, earlier: LabelledImages) -> Splits:
    return replace(toy_splits, inherited=InheritedImages(earlier.pixels, earlier.patients))


def test_their_copies_are_flagged_by_every_detector_and_new_images_are_not(
    toy_splits: Splits,
    inheriting: Splits,
    earlier: LabelledImages,
    fresh_images: LabelledImages,
) -> None:
    copies, gate = earlier.pixels[::3], searched(inheriting)
    assert gate.flagged(copies).all()
    assert searched(toy_splits).flagged(copies).mean() < 0.2
    assert gate.flagged(fresh_images.pixels).mean() < 0.1
    for index in (
        RealIndex(inheriting, [PixelMetric()], Policy()),
        RealIndex(
            inheriting,
            [PixelMetric()],
            Policy(),
            search=CopySearch(inheriting.copied_from.pixels, inheriting.copied_from.patients),
        ),
    ):
        for name, values in index.closeness(copies).items():
            assert (values < 0.1).mean() > 0.8, name


def test_they_represent_nobody_and_change_no_density(
    toy_splits: Splits, inheriting: Splits
) -> None:
    without, with_them = (
        RealIndex(splits, [PixelMetric()], Policy()) for splits in (toy_splits, inheriting)
    )
    assert np.array_equal(without.images.representatives, with_them.images.representatives)
    for name, densities in without.densities_of_real.items():
        assert np.array_equal(densities, with_them.densities_of_real[name])
    assert without.digest != with_them.digest
    assert without.digest == without.images.digest


def test_a_patient_s_own_inherited_image_makes_nobody_look_copied(toy_splits: Splits) -> None:
    """The same images once more, under the same patients, hardly change the calibration.

    A shortlist among them alone may find one that is a little nearer.
    """
    train = toy_splits.train
    again = replace(toy_splits, inherited=InheritedImages(train.pixels, train.patients))
    everybody = np.ones(len(np.unique(np.r_[train.patients, toy_splits.holdout.patients])), bool)
    before, after = (
        RealIndex(splits, [PixelMetric()], Policy()).closeness_of_real(everybody)
        for splits in (toy_splits, again)
    )
    for name, values in before.items():
        assert (after[name] <= values + 1e-9).all()
        assert np.isclose(values, after[name]).mean() > 0.8
        assert after[name].min() > 0.8 * values.min()
