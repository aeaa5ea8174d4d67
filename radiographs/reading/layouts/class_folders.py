"""A folder for each class: CLASS/*, CLASS/images/*, under wrapping folders and splits.

    CLASS/images/*           COVID-19 Radiography; masks are left alone
    train/CLASS/*, test/...  Kaggle: splits are joined, since ours are drawn anew
    CLASS/*

A folder that only says a split or a part of a set is no class, wherever it lies. Images are never
labelled by folder while a table names them that may say otherwise.
"""

from __future__ import annotations

from collections import Counter

from radiographs.errors import IngestRefused
from radiographs.quoting import shortened
from radiographs.reading.file_index import FileIndex
from radiographs.reading.file_kinds import (
    is_image_folder,
    is_part_folder,
    is_patient_folder,
    is_split_folder,
    plain,
)
from radiographs.reading.labels import checked_label
from radiographs.reading.layouts.other_tables import refuse_unread_tables, with_patients
from radiographs.reading.listing import DroppedFile, ListedImage, Listing
from radiographs.reading.placeholders import is_no_label
from radiographs.warnings import IngestWarning

NAME = "a folder for each class"
_MIN_SHARE_WRAPPED = 0.9


def read(index: FileIndex) -> Listing | None:
    """Read a set that has a folder for each class."""
    refuse_unread_tables(index)
    folders = {name: _folders(name) for name in index.images}
    root = _root(list(folders.values()))
    images, dropped = [], list(index.dropped)
    labels: dict[str, str] = {}
    parts = {folder for name in index.images for folder in name.split("/")[:-1]}
    parts = {folder for folder in parts if is_part_folder(folder)}
    for name, its in folders.items():
        below = its[len(root) :] if its[: len(root)] == root else None
        if below is None or len(below) != 1:
            dropped.append(_misplaced(name, below))
            continue
        folder = below[0]
        if is_part_folder(folder) or is_no_label(folder):
            dropped.append(_of_no_class(name, folder))
            continue
        if folder not in labels:
            labels[folder] = _label(folder)
        images.append(ListedImage(name, labels[folder]))
    if parts and (not labels or (len(labels) == 1 and len(parts) > 1)):
        _refuse_parts(parts)
    _refuse_patients(list(labels))
    if index.images and not images:
        _refuse_splits_alone(index.images)
    listing = Listing(images, dropped, _splits_joined(index.images), NAME)
    return with_patients(index, listing)


def _folders(name: str) -> tuple[str, ...]:
    """Return the folders of an image that may name its class or wrap the whole.

    Those that say a part, or that images are in them, do where there is no other.
    """
    folders = [folder for folder in name.split("/")[:-1] if not is_split_folder(folder)]
    named = [folder for folder in folders if not is_part_folder(folder)]
    named = [folder for folder in named if not is_image_folder(folder)]
    folders = named or folders[:1]
    distinct = [folder for k, folder in enumerate(folders) if k == 0 or folder != folders[k - 1]]
    return tuple(distinct)


def _root(all_folders: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the folders that wrap nearly all images; a few beside them decide nothing."""
    root: tuple[str, ...] = ()
    below = all_folders
    while below:
        tops = Counter(folders[len(root)] for folders in below if len(folders) > len(root))
        if not tops:
            return root
        top, number = tops.most_common(1)[0]
        inside = [each for each in below if each[: len(root) + 1] == (*root, top)]
        deeper = sum(len(each) > len(root) + 1 for each in inside)
        if number < _MIN_SHARE_WRAPPED * len(below) or deeper <= len(inside) / 2:
            return root
        root, below = (*root, top), inside
    return root


def _misplaced(name: str, below: tuple[str, ...] | None) -> DroppedFile:
    if below is not None and len(below) > 1:
        reason = (
            "It lies deeper than CLASS/ or CLASS/images/. Name it in labels.csv, with its "
            "patient_id where the folder is a patient's; or move it up."
        )
        return DroppedFile(shortened(name), "too_deep", reason)
    reason = "It lies in neither CLASS/ nor CLASS/images/."
    return DroppedFile(shortened(name), "outside_layout", reason)


def _of_no_class(name: str, folder: str) -> DroppedFile:
    if is_part_folder(folder):
        reason = "Its folder only says a part of the set, and no class."
        return DroppedFile(shortened(name), "outside_layout", reason)
    reason = "Its folder says that its label is not known."
    return DroppedFile(shortened(name), "unlabelled", reason)


def _label(folder: str) -> str:
    if "\\x" in folder.replace("\\\\", ""):
        raise IngestRefused(
            "labels_invalid",
            "The name of a class folder is not UTF-8, so it cannot be a label. Rename the folder; "
            "in a ZIP, pack it with names in UTF-8 (7-Zip: cu=on).",
            [f"{shortened(folder)}: \\x.. are the bytes that are not UTF-8."],
        )
    return checked_label(folder, "the name of a class folder", [shortened(folder)])


def _refuse_parts(parts: set[str]) -> None:
    raise IngestRefused(
        "no_labels",
        f"The images lie in {len(parts)} folders that only say parts of a set, such as images_001, "
        "and these are no classes. Add a labels.csv (file,label[,patient_id]), or the table that "
        "came with the set; docs/datasets.md names those that are read.",
        [shortened(folder) for folder in sorted(parts)[:5]],
    )


def _refuse_patients(folders: list[str]) -> None:
    """Refuse folders that number patients or studies."""
    if len(folders) > 1 and all(is_patient_folder(folder) for folder in folders):
        raise IngestRefused(
            "no_labels",
            f"The images lie in {len(folders)} folders that only number patients or studies, and "
            "these are no classes. Add a labels.csv (file,label,patient_id).",
            [shortened(folder) for folder in sorted(folders)[:5]],
        )


def _refuse_splits_alone(names: list[str]) -> None:
    if any(is_split_folder(folder) for name in names for folder in name.split("/")[:-1]):
        raise IngestRefused(
            "no_labels",
            "The folders only say a split (train, val, test), and no class. Put a folder for each "
            "class into them, or add a labels.csv (file,label[,patient_id]).",
        )


def _splits_joined(names: list[str]) -> list[IngestWarning]:
    splits = Counter(
        plain(folder)
        for name in names
        for folder in name.split("/")[:-1]
        if is_split_folder(folder)
    )
    if not splits:
        return []
    detail = f"The splits {', '.join(sorted(splits))} were read as one set; splits are drawn anew."
    return [IngestWarning("splits_joined", detail, splits.total())]
