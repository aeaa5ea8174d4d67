"""An ingest says which sets of a dataset can pass."""

import numpy as np

from radiographs.splits.split import Split
from radiographs.store.image_table import ImageTable
from workers.ingest.release_plan import release_plan


def table(num_patients: int) -> ImageTable:
    """Two images of each patient, of which one in seven is for tests and one in five held out."""
    patients = np.repeat(np.arange(num_patients), 2)
    splits = np.full(len(patients), int(Split.TRAIN), np.int8)
    splits[patients % 5 == 0] = int(Split.HOLDOUT)
    splits[patients % 7 == 0] = int(Split.TEST)
    return ImageTable(
        classes=("effusion", "normal"),
        labels=(patients % 4 > 0).astype(np.int64),
        splits=splits,
        groups=patients.astype(np.int64),
        identities=patients.astype(np.uint64),
        files=tuple(map(str, patients)),
        fingerprint="0",
        version="0",
    )


def test_test_images_count_for_nothing_and_patients_once() -> None:
    plan = release_plan(table(700))
    assert plan.num_patients == 600
    assert sum(plan.class_shares.values()) == 1
    assert 0.2 < plan.class_shares["effusion"] < 0.3


def test_of_few_patients_nothing_can_be_released_and_of_many_it_can() -> None:
    assert "No set can be released of 20 patients" in next(release_plan(table(24)).sentences())
    many = release_plan(table(4_000))
    assert many.outlook({"effusion": 10, "normal": 30}, 40, is_later=True).can_pass
