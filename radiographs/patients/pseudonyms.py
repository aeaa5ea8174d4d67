"""Patients by keyed hashes of their names, as soon as the names were read; these are then dropped.

A table may name an image's patient, and so may its DICOM file. The table's word counts; the
file's where the table has none. Where they disagree, all patients that they name for one image
are taken for one: images that stay together needlessly do less harm than a patient torn apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from radiographs.duplicates.groups import Groups
from radiographs.reading.listing import ListedImage
from radiographs.splits.keyed_hash import keyed_hash
from radiographs.warnings import IngestWarning


def pseudonymised(
    images: Sequence[ListedImage], ids_of_files: Mapping[str, str], key: bytes
) -> tuple[list[ListedImage], list[IngestWarning]]:
    """Put a keyed hash in the place of each patient's name.

    Args:
        images: With the names that a table gives.
        ids_of_files: By image, the patient that its file names; empty strings are nobody.
        key: That the hashes are made under.

    Returns:
        The images, whose `patient_id` is a hash in hexadecimal or None; and a warning where
        table and files disagree.
    """
    of_table = [_mark(image.patient_id, key) for image in images]
    of_file = [_mark(ids_of_files.get(image.name), key) for image in images]
    joined = Groups(len(images))
    joined.join_equal(of_table)
    joined.join_equal(of_file)
    groups = joined.numbers().tolist()
    by_table, by_file = defaultdict(set), defaultdict(set)
    for group, table, file in zip(groups, of_table, of_file, strict=True):
        if table is not None:
            by_table[group].add(table)
        if file is not None:
            by_file[group].add(file)
    names = {  # the table's word first, where it has one
        group: (*sorted(by_table[group]), *sorted(by_file[group])) for group in set(groups)
    }
    found = [
        replace(image, patient_id=next(iter(names[group]), None), other_ids=names[group][1:])
        for image, group in zip(images, groups, strict=True)
    ]
    disputed = {group for group in by_table if len(by_table[group]) > 1 or len(by_file[group]) > 1}
    return found, _disputed(sum(group in disputed for group in groups))


def _mark(name: str | None, key: bytes) -> str | None:
    return keyed_hash(key, "patient", name).hex() if name else None


def _disputed(num_images: int) -> list[IngestWarning]:
    if not num_images:
        return []
    detail = (
        "The table gives images of one PatientID to several patients, or several PatientIDs to one "
        "patient. All of them are kept together as one patient; correct the table if they are not."
    )
    return [IngestWarning("patients_of_files_contradict", detail, num_images)]
