"""How images and their labels lie in a folder or an archive.

    CLASS/images/*    COVID-19 Radiography; masks/ beside images/ is left alone
    CLASS/*           one folder per class
    labels.csv        rows file,label[,patient_id], images beside it, below it or in images/;
                      what lies in unlabelled/ needs no row and is left alone

One folder may wrap the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from radiographs.errors import ImageCode, IngestRefused
from radiographs.reading.file_tree import FileTree
from radiographs.reading.labels import checked_label, parse_labels

# What claims to be an image. What it really is, its content decides.
_IMAGE_SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".jp2", ".avif", ".heic", ".dcm", ".dicom"),
}
_LABELS = "labels.csv"
_IGNORED_FOLDERS = {"masks"}
UNLABELLED_FOLDER = "unlabelled"  # beside labels.csv: images that are meant to be of no class


@dataclass(frozen=True)
class ListedImage:
    """A file that should be an image.

    Args:
        name: Path in the tree.
        label: Its class.
        patient_id: Whose image it is; None where unknown.
    """

    name: str
    label: str
    patient_id: str | None = None


@dataclass(frozen=True)
class DroppedFile:
    """A file that was left out of the set, and why."""

    file: str
    code: ImageCode
    reason: str


@dataclass(frozen=True)
class Listing:
    """What a layout found: images to read, in the order of their names, and misplaced files."""

    images: list[ListedImage]
    dropped: list[DroppedFile]


def find_images(tree: FileTree) -> Listing:
    """Find the images of a folder or archive and their labels.

    Raises:
        IngestRefused: no_images, labels_invalid.
    """
    names = [name for name in tree.names() if _is_image(name) or _base(name) == _LABELS]
    root = _wrapping_folder(names)
    names = [name for name in names if name.startswith(root)]
    if root + _LABELS in names:
        images = [name for name in names if _is_image(name)]
        listing = _listed_in_labels(tree.read(root + _LABELS), images, root)
    else:
        listing = _listed_by_folder([name for name in names if _is_image(name)], root)
    if not listing.images:
        raise IngestRefused(
            "no_images",
            "No images were found. Expected CLASS/images/* or CLASS/* or image files with a "
            "labels.csv (file,label).",
            [f"{file.file}: {file.reason}" for file in listing.dropped[:1]],
        )
    return listing


def _is_image(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in _IMAGE_SUFFIXES and not _IGNORED_FOLDERS & set(path.parts[:-1])


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _wrapping_folder(names: list[str]) -> str:
    """Return `TOP/` where one folder wraps the whole set, else an empty string."""
    tops = {name.partition("/")[0] for name in names}
    if len(tops) != 1 or any("/" not in name for name in names):
        return ""
    root = f"{tops.pop()}/"
    holds_images = any(_class_folder(name) is not None for name in names if _is_image(name))
    return root if root + _LABELS in names or not holds_images else ""


def _class_folder(name: str) -> str | None:
    """Return CLASS for CLASS/FILE and CLASS/images/FILE, None for any other path."""
    match name.split("/"):
        case [folder, _] | [folder, "images", _]:
            return folder
    return None


def _listed_by_folder(names: list[str], root: str) -> Listing:
    images, dropped = [], []
    for name in names:
        folder = _class_folder(name.removeprefix(root))
        if folder is None:
            reason = "It lies in neither CLASS/ nor CLASS/images/."
            dropped.append(DroppedFile(name, "outside_layout", reason))
        else:
            images.append(ListedImage(name, checked_label(folder, f"folder {folder[:80]!r}")))
    return Listing(images, dropped)


def _listed_in_labels(labels: bytes, names: list[str], root: str) -> Listing:
    present = set(names)
    images, dropped = [], []
    for row in parse_labels(labels):
        places = [root + row.file, f"{root}images/{row.file}"]
        name = next((place for place in places if place in present), None)
        if name is None:
            reason = f"labels.csv names it on line {row.line}, and no such image file is there."
            dropped.append(DroppedFile(row.file, "missing", reason))
        else:
            images.append(ListedImage(name, row.label, row.patient_id))
            present.discard(name)
    dropped += [
        DroppedFile(name, "unlabelled", "labels.csv does not name it.")
        for name in sorted(present)
        if not name.startswith(f"{root}{UNLABELLED_FOLDER}/")
    ]
    return Listing(sorted(images, key=lambda image: image.name), dropped)
