"""What files and folders are for, by their names and, where these say nothing, by their content."""

from __future__ import annotations

import re
import unicodedata

from radiographs.reading.dicom.content import is_dicom

HEAD_BYTES = 132  # as far as the longest magic number lies
_IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".jp2", ".avif", ".heic", ".dcm", ".dicom"),
)
TABLE_SUFFIXES = (
    *(".csv", ".tsv", ".csv.gz", ".tsv.gz", ".jsonl", ".xlsx"),
    *(".csv.txt", ".tsv.txt"),  # Windows hides the last suffix from whoever named it
)
ARRAY_SUFFIXES = (".npy", ".npz")
# Notes, programs and archives: never images, whatever they hold.
_OTHER_SUFFIXES = (
    *(".txt", ".md", ".rst", ".json", ".xml", ".yaml", ".yml", ".toml", ".log", ".html", ".htm"),
    *(".pdf", ".doc", ".docx", ".odt", ".rtf", ".xls", ".ods", ".parquet", ".pkl", ".mat", ".h5"),
    *(".py", ".ipynb", ".sh", ".bat", ".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".ini", ".db"),
)
_MAGIC = (  # PNG, JPEG, GIF, TIFF, JPEG 2000
    *(b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*"),
    *(b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP"),
)
_SPLIT = re.compile(
    r"(stage\d+)?(train|training|trn|val|valid|validation|dev|test|testing|tst|eval|evaluation|"
    r"holdout)(set|split|data|images?|imgs?)?\d*|(fold|split|cv)\d+"
)
_MASK = re.compile(
    r".*masks?|.*segmentations?|segs?|groundtruths?|gt|overlays?|heatmaps?|thumb(nail)?s?|previews?"
)
_PART = re.compile(
    r"(images?|imgs?|batch|part|folder|dir|dis[ck]|cd|dvd|data|dataset|export|archive|chunk|pack|"
    r"volume|shard|teil|parte|lote?)\d+|(batch|part|folder|dis[ck]|dvd|volume)[a-z]?|"
    r"(hospital|clinic|klinik|site|cent(er|re)|scanner|source)([a-z]|\d+)|"
    r"(19|20)\d\d(\d\d){0,2}|"  # a date
    r"(new|new(folder|images|data|batch)|neu|neuerordner|nuev[oa]s?|nuevacarpeta|untitled(folder)?|"
    r"misc|miscellaneous|unsorted|te?mp|todo|extras?|additional|upload(ed)?s?|downloads?|raw|"
    r"originals?|(pre)?processed|augmented|resized|cleaned)\d*"
)
_PATIENT = re.compile(r"(patients?|pat|pt|subjects?|subj|case|person|paciente|paziente|mrn|p)\d+")
_UID = re.compile(r"\d+(\.\d+){3,}")  # of a study, a series or an image in DICOM
_ARCHIVE_SUFFIXES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
_IMAGES = {"image", "images", "img", "imgs", "png", "pngs", "jpg", "jpeg", "jpegs", "dicom", "dcm"}


def plain(word: str) -> str:
    """Return a word without case, accents, blanks and the like, to compare names by."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(_without_accent(character) for character in folded if character.isalnum())


def _without_accent(letter: str) -> str:
    """Return a Latin letter without its accent, and any other as it is."""
    base = unicodedata.normalize("NFD", letter)[0]
    return base if base.isascii() else letter


def is_image_name(name: str) -> bool:
    """Say whether a file's name claims an image. What it really is, its content decides."""
    return name.lower().endswith(_IMAGE_SUFFIXES)


def is_table_name(name: str) -> bool:
    """Say whether a file's name claims a table that can be read."""
    return name.lower().endswith(TABLE_SUFFIXES)


def is_oddly_named(name: str) -> bool:
    """Say whether a file's name says nothing of what it holds: IM000000, 1.2.840.5, scan.IMA."""
    known = (*TABLE_SUFFIXES, *ARRAY_SUFFIXES, *_OTHER_SUFFIXES)
    return not is_image_name(name) and not name.lower().endswith(known)


def is_archive_name(name: str) -> bool:
    """Say whether a file's name claims an archive, which is not unpacked where it lies in a set."""
    return name.lower().endswith(_ARCHIVE_SUFFIXES)


def may_be_read(name: str) -> bool:
    """Say whether a file may be read whole."""
    lower = name.lower()
    return is_image_name(lower) or lower.endswith((*TABLE_SUFFIXES, *ARRAY_SUFFIXES))


def looks_like_image(head: bytes) -> bool:
    """Say whether a file's first bytes are those of an image, of a supported format or not."""
    return (
        head.startswith(_MAGIC)
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head.startswith(b"BM") and head[6:10] == bytes(4))
        or is_dicom(head)
        or head[4:12] in {b"ftypavif", b"ftypheic"}
    )


def without_image_suffix(name: str) -> str:
    """Return a file's name without the suffix of an image; other dots belong to the name."""
    lower = name.lower()
    suffix = next((end for end in _IMAGE_SUFFIXES if lower.endswith(end)), "")
    return name[: len(name) - len(suffix)]


def is_split_folder(folder: str) -> bool:
    """Say whether a folder's name only says a split: train, val, test."""
    return _SPLIT.fullmatch(plain(folder)) is not None


def is_mask_folder(folder: str) -> bool:
    """Say whether a folder holds masks or small pictures rather than radiographs."""
    return _MASK.fullmatch(plain(folder)) is not None


def is_part_folder(folder: str) -> bool:
    """Say whether a folder's name only says a part of a set: images_001, new, 2020-03, site_A."""
    return _PART.fullmatch(plain(folder)) is not None


def is_patient_folder(folder: str) -> bool:
    """Say whether a folder's name only numbers a patient or a study: p10, patient_3, 1.2.840.5."""
    return _PATIENT.fullmatch(plain(folder)) is not None or _UID.fullmatch(folder) is not None


def is_image_folder(folder: str) -> bool:
    """Say whether a folder's name only says that images are in it."""
    return plain(folder) in _IMAGES


def is_mask_file(name: str, present: set[str]) -> bool:
    """Say whether a file is the mask of another one that lies beside it: 1_mask.png, 1.png."""
    stem, dot, suffix = name.rpartition(".")
    match = re.fullmatch(r"(.+)[_\- ]mask", stem, re.IGNORECASE)
    return match is not None and f"{match[1]}{dot}{suffix}" in present
