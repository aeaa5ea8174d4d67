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

from radiographs.errors import ImageCode, IngestRefused, UnreadableImage
from radiographs.quoting import printable, quoted, shortened
from radiographs.reading.file_tree import FileTree
from radiographs.reading.labels import MAX_LABELS_BYTES, check_distinct, checked_label, parse_labels

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
    """A file that was left out of the set, and why.

    Args:
        file: Its name, quoted.
        code: Stable name of the reason.
        reason: What is wrong and what to do; it quotes nothing of the file.
    """

    file: str
    code: ImageCode
    reason: str

    @classmethod
    def of(cls, image: ListedImage, problem: UnreadableImage) -> DroppedFile:
        """Leave out a file that cannot be read."""
        return cls(shortened(image.name), problem.code, problem.reason)


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
        listing = _listed_in_labels(_read_labels(tree, root + _LABELS), images, root)
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


def _read_labels(tree: FileTree, name: str) -> bytes:
    try:
        num_bytes = tree.num_bytes(name)
        if num_bytes > MAX_LABELS_BYTES:
            raise IngestRefused(
                "labels_invalid",
                f"labels.csv has {num_bytes:,} bytes and {MAX_LABELS_BYTES:,} are allowed. Leave "
                "out the columns other than file, label and patient_id.",
            )
        return tree.read(name)
    except UnreadableImage as problem:
        raise IngestRefused(
            "labels_invalid", f"labels.csv cannot be read. {problem.reason}"
        ) from problem


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
    labels: dict[str, str] = {}  # by folder
    for name in names:
        folder = _class_folder(name.removeprefix(root))
        if folder is None:
            reason = "It lies in neither CLASS/ nor CLASS/images/."
            dropped.append(DroppedFile(shortened(name), "outside_layout", reason))
            continue
        if folder not in labels:
            labels[folder] = checked_label(
                folder, "the name of a class folder", [shortened(folder)]
            )
        images.append(ListedImage(name, labels[folder]))
    check_distinct((label, shortened(folder)) for folder, label in labels.items())
    return Listing(images, dropped)


def _listed_in_labels(labels: bytes, names: list[str], root: str) -> Listing:
    present = set(names)
    images, dropped = [], []
    for row in parse_labels(labels):
        file = printable(row.file)
        places = [root + file, f"{root}images/{file}"]
        name = next((place for place in places if place in present), None)
        if name is None:
            reason = f"labels.csv names it on line {row.line}, and no such image file is there."
            dropped.append(DroppedFile(quoted(row.file), "missing", reason))
        else:
            images.append(ListedImage(name, row.label, row.patient_id))
            present.discard(name)
    dropped += [
        DroppedFile(shortened(name), "unlabelled", "labels.csv does not name it.")
        for name in sorted(present)
        if not name.startswith(f"{root}{UNLABELLED_FOLDER}/")
    ]
    return Listing(sorted(images, key=lambda image: image.name), dropped)
