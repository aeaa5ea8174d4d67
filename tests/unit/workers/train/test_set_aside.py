"""Training patients that are left out, to find out whether the others are memorised."""

import numpy as np

from radiographs.splits.split import Split
from workers.train.set_aside import compared, set_aside

NUM_PATIENTS = 400


def a_training_side(num_patients=NUM_PATIENTS):
    """Two images of each patient, three in ten patients of the audit pool, a fifth of class 1."""
    patients = np.arange(num_patients).repeat(2)
    labels = (patients % 5 == 0).astype(np.int64)
    splits = np.where(patients % 10 < 3, Split.INCLUDED, Split.TRAIN).astype(np.int8)
    return labels, patients, splits


def test_a_tenth_of_each_class_is_set_aside_and_none_of_the_audit_pool():
    labels, patients, splits = a_training_side()
    aside = set_aside(labels, patients, splits)
    assert (splits[aside] == Split.TRAIN).all()
    assert not set(patients[aside]) & set(patients[~aside])
    outside = splits == Split.TRAIN
    for label in (0, 1):
        there = len(np.unique(patients[outside & (labels == label)]))
        assert len(np.unique(patients[aside & (labels == label)])) == there // 10
    assert (set_aside(labels, patients, splits) == aside).all()


def test_few_patients_are_all_trained_on():
    assert not set_aside(*a_training_side(num_patients=100)).any()


def test_twice_as_many_members_of_each_class_are_held_against_them():
    labels, patients, splits = a_training_side()
    aside = set_aside(labels, patients, splits)
    members, others = compared(labels, patients, splits, aside)
    assert aside[others].all()
    assert not aside[members].any()
    assert (splits[members] == Split.TRAIN).all()
    for places in (members, others):
        assert len(np.unique(patients[places])) == len(places)
    assert (np.bincount(labels[members]) == 2 * np.bincount(labels[others])).all()
